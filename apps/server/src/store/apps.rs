//! Apps and their secrets: tables `apps`, `app_secrets`. Every change moves the version that servers poll.

use diesel::dsl::exists;
use diesel::prelude::*;
use osaycore_directory::{App, AppRef, AppSettings};
use zeroize::Zeroizing;

use super::db::{AnyConnection, StoreError, row};
use super::schema::{app_secrets, apps};
use super::secret_uses;
use super::tx::{self, Tx};
use super::versions::{self, Kind};
use crate::sealing::{Place, Sealer};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = apps, treat_none_as_default_value = false)]
pub(super) struct Row {
    tenant_id: i64,
    id: i64,
    uuid: Vec<u8>,
    name: String,
    api_key: String,
    scopes: String,
    settings: String,
    disabled: bool,
    created_at_us: i64,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = app_secrets, treat_none_as_default_value = false)]
struct SecretRow {
    tenant_id: i64,
    app_id: i64,
    id: i64,
    kind: String,
    secret: Vec<u8>,
    created_at_us: i64,
    expires_at_us: Option<i64>,
}

/// What a secret of an app keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretKind {
    /// OsayCore requests.
    Signing,
    /// OASIS requests and responses: the application key.
    Oasis,
}

impl SecretKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::Oasis => "oasis",
        }
    }

    fn read(text: &str) -> Self {
        if text == Self::Oasis.as_str() { Self::Oasis } else { Self::Signing }
    }
}

/// A secret of an app, opened.
pub(crate) struct AppSecret {
    pub(crate) app_id: i64,
    pub(crate) id: i64,
    pub(crate) kind: SecretKind,
    pub(crate) secret: Zeroizing<Vec<u8>>,
    pub(crate) expires_at_us: Option<i64>,
}

/// What is told of a secret of an app: not the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SecretAge {
    pub(crate) id: i64,
    pub(crate) kind: SecretKind,
    pub(crate) created_at_us: i64,
    /// When it ends; none: it has not been replaced.
    pub(crate) expires_at_us: Option<i64>,
    /// Its last use since it was replaced, to about a minute.
    pub(crate) used_at_us: Option<i64>,
}

pub(super) fn find(tx: &mut Tx<'_>, app: AppRef) -> Result<Option<App>, StoreError> {
    let mut query = apps::table.filter(apps::tenant_id.eq(tx.tenant_id)).select(row::<Row>()).into_boxed();
    query = match app {
        AppRef::Uuid(uuid) => query.filter(apps::uuid.eq(uuid.as_bytes().to_vec())),
        AppRef::Id(id) => query.filter(apps::id.eq(id)),
    };
    query.get_result(&mut *tx.connection).optional()?.map(Row::read).transpose()
}

pub(super) fn list(tx: &mut Tx<'_>) -> Result<Vec<App>, StoreError> {
    let rows: Vec<Row> = apps::table
        .filter(apps::tenant_id.eq(tx.tenant_id))
        .order(apps::id)
        .select(row::<Row>())
        .load(&mut *tx.connection)?;
    rows.into_iter().map(Row::read).collect()
}

/// Every app of every tenant, for the snapshot.
pub(crate) fn all(connection: &mut AnyConnection) -> Result<Vec<App>, StoreError> {
    let rows: Vec<Row> = apps::table.select(row::<Row>()).load(connection)?;
    rows.into_iter().map(Row::read).collect()
}

pub(super) fn insert(tx: &mut Tx<'_>, app: &App) -> Result<(), StoreError> {
    let row = Row::of(tx, app)?;
    diesel::insert_into(apps::table).values(row).execute(&mut *tx.connection)?;
    versions::bump(tx.connection, Kind::Configuration)
}

pub(super) fn update(tx: &mut Tx<'_>, app: &App) -> Result<(), StoreError> {
    let row = Row::of(tx, app)?;
    let updated = diesel::update(apps::table.find((tx.tenant_id, app.id)))
        .set((
            apps::name.eq(row.name),
            apps::api_key.eq(row.api_key),
            apps::scopes.eq(row.scopes),
            apps::settings.eq(row.settings),
            apps::disabled.eq(row.disabled),
        ))
        .execute(&mut *tx.connection)?;
    if updated != 1 {
        return Err(diesel::result::Error::NotFound.into());
    }
    versions::bump(tx.connection, Kind::Configuration)
}

/// The secrets of the tenant's apps that end within a time: each with its app, its kind and its end, the first to end first.
pub(crate) fn ending(
    tx: &mut Tx<'_>,
    from_us: i64,
    to_us: i64,
    at_most: i64,
) -> Result<Vec<(i64, SecretKind, i64)>, StoreError> {
    let rows: Vec<(i64, String, Option<i64>)> = app_secrets::table
        .filter(app_secrets::tenant_id.eq(tx.tenant_id))
        .filter(app_secrets::expires_at_us.gt(from_us))
        .filter(app_secrets::expires_at_us.le(to_us))
        .order((app_secrets::expires_at_us, app_secrets::app_id, app_secrets::id))
        .limit(at_most)
        .select((app_secrets::app_id, app_secrets::kind, app_secrets::expires_at_us))
        .load(&mut *tx.connection)?;
    let kind = |kind: &str| if kind == SecretKind::Oasis.as_str() { SecretKind::Oasis } else { SecretKind::Signing };
    let ending = |(app_id, name, at_us): (i64, String, Option<i64>)| Some((app_id, kind(&name), at_us?));
    Ok(rows.into_iter().filter_map(ending).collect())
}

/// Every unexpired secret of every app of every tenant, opened, for the snapshot.
pub(crate) fn secrets(
    connection: &mut AnyConnection,
    sealer: &Sealer,
    now_us: i64,
) -> Result<Vec<AppSecret>, StoreError> {
    let rows: Vec<SecretRow> = app_secrets::table
        .filter(app_secrets::expires_at_us.is_null().or(app_secrets::expires_at_us.gt(now_us)))
        .order((app_secrets::tenant_id, app_secrets::app_id, app_secrets::id.desc()))
        .select(row::<SecretRow>())
        .load(connection)?;
    let open = |row: SecretRow| {
        let secret = sealer.open(place(&row_name(row.tenant_id, row.app_id, row.id)), &row.secret)?;
        let kind = SecretKind::read(&row.kind);
        Ok(AppSecret { app_id: row.app_id, id: row.id, kind, secret, expires_at_us: row.expires_at_us })
    };
    rows.into_iter().map(open).collect()
}

/// The app's secrets that have not ended, newest first.
pub(crate) fn secret_ages(tx: &mut Tx<'_>, app_id: i64, now_us: i64) -> Result<Vec<SecretAge>, StoreError> {
    let uses = secret_uses::of_app(tx, app_id)?;
    let rows: Vec<(i64, String, i64, Option<i64>)> = app_secrets::table
        .filter(app_secrets::tenant_id.eq(tx.tenant_id))
        .filter(app_secrets::app_id.eq(app_id))
        .filter(app_secrets::expires_at_us.is_null().or(app_secrets::expires_at_us.gt(now_us)))
        .order(app_secrets::id.desc())
        .select((app_secrets::id, app_secrets::kind, app_secrets::created_at_us, app_secrets::expires_at_us))
        .load(&mut *tx.connection)?;
    let age = |(id, kind, created_at_us, expires_at_us): (i64, String, i64, Option<i64>)| {
        let used_at_us = uses.iter().find(|(secret_id, _)| *secret_id == id).map(|(_, at_us)| *at_us);
        SecretAge { id, kind: SecretKind::read(&kind), created_at_us, expires_at_us, used_at_us }
    };
    Ok(rows.into_iter().map(age).collect())
}

/// Gives an app one more secret.
pub(crate) fn add_secret(
    tx: &mut Tx<'_>,
    sealer: &Sealer,
    app_id: i64,
    kind: SecretKind,
    secret: &str,
    now_us: i64,
) -> Result<(), StoreError> {
    let id = versions::next_id(tx.connection, "secret")?;
    let sealed = sealer.seal(place(&row_name(tx.tenant_id, app_id, id)), secret.as_bytes())?;
    let row = SecretRow {
        tenant_id: tx.tenant_id,
        app_id,
        id,
        kind: kind.as_str().to_owned(),
        secret: sealed,
        created_at_us: now_us,
        expires_at_us: None,
    };
    diesel::insert_into(app_secrets::table).values(row).execute(&mut *tx.connection)?;
    versions::bump(tx.connection, Kind::Configuration)
}

/// Lets the present secrets of a kind expire, unless they do so earlier.
pub(crate) fn expire_secrets(
    tx: &mut Tx<'_>,
    app_id: i64,
    kind: SecretKind,
    expires_at_us: i64,
) -> Result<(), StoreError> {
    let present = app_secrets::table
        .filter(app_secrets::tenant_id.eq(tx.tenant_id))
        .filter(app_secrets::app_id.eq(app_id))
        .filter(app_secrets::kind.eq(kind.as_str()))
        .filter(app_secrets::expires_at_us.is_null().or(app_secrets::expires_at_us.gt(expires_at_us)));
    diesel::update(present).set(app_secrets::expires_at_us.eq(expires_at_us)).execute(&mut *tx.connection)?;
    versions::bump(tx.connection, Kind::Configuration)
}

/// Whether a secret that has expired is still there.
pub(crate) fn any_expired_secret(connection: &mut AnyConnection, now_us: i64) -> Result<bool, StoreError> {
    let expired = app_secrets::table.filter(app_secrets::expires_at_us.le(now_us));
    Ok(diesel::select(exists(expired)).get_result(connection)?)
}

/// Drops the secrets that have expired: no server takes them any more.
pub(crate) fn drop_expired_secrets(connection: &mut AnyConnection, now_us: i64) -> Result<(), StoreError> {
    let expired = app_secrets::table.filter(app_secrets::expires_at_us.le(now_us));
    let keys: Vec<(i64, i64, i64)> =
        expired.select((app_secrets::tenant_id, app_secrets::app_id, app_secrets::id)).load(connection)?;
    for key in keys {
        secret_uses::forget(connection, key)?;
        diesel::delete(app_secrets::table.find(key)).execute(connection)?;
    }
    Ok(())
}

/// Seals every secret anew: the master key is rotated.
pub(crate) fn reseal_secrets(connection: &mut AnyConnection, sealer: &Sealer) -> Result<usize, StoreError> {
    let rows: Vec<SecretRow> = app_secrets::table.select(row::<SecretRow>()).load(connection)?;
    let count = rows.len();
    for row in rows {
        let name = row_name(row.tenant_id, row.app_id, row.id);
        let sealed = sealer.seal(place(&name), &sealer.open(place(&name), &row.secret)?)?;
        diesel::update(app_secrets::table.find((row.tenant_id, row.app_id, row.id)))
            .set(app_secrets::secret.eq(sealed))
            .execute(connection)?;
    }
    Ok(count)
}

fn row_name(tenant_id: i64, app_id: i64, id: i64) -> String {
    format!("{tenant_id}/{app_id}/{id}")
}

fn place(row: &str) -> Place<'_> {
    Place { table: "app_secrets", row, column: "secret" }
}

impl Row {
    fn of(tx: &Tx<'_>, app: &App) -> Result<Self, StoreError> {
        if app.tenant_id != tx.tenant_id {
            return Err(StoreError::Corrupt("app of another tenant"));
        }
        Ok(Self {
            tenant_id: app.tenant_id,
            id: app.id,
            uuid: app.uuid.as_bytes().to_vec(),
            name: app.name.as_str().to_owned(),
            api_key: app.api_key.clone(),
            scopes: serde_json::to_string(&app.scopes).map_err(|_| StoreError::Corrupt("app"))?,
            settings: app.settings.to_json().map_err(|_| StoreError::Corrupt("app"))?,
            disabled: app.disabled,
            created_at_us: app.created_at_us,
        })
    }

    pub(super) fn read(self) -> Result<App, StoreError> {
        let corrupt = StoreError::Corrupt("app");
        Ok(App {
            id: self.id,
            uuid: tx::uuid(&self.uuid)?,
            tenant_id: self.tenant_id,
            name: self.name.parse().map_err(|_| corrupt)?,
            api_key: self.api_key,
            scopes: serde_json::from_str(&self.scopes).map_err(|_| StoreError::Corrupt("app"))?,
            disabled: self.disabled,
            settings: AppSettings::from_json(&self.settings).map_err(|_| StoreError::Corrupt("app"))?,
            created_at_us: self.created_at_us,
        })
    }
}
