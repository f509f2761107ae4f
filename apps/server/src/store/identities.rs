//! Who providers' logins are: table `identities`.

use diesel::prelude::*;
use diesel::upsert::excluded;
use osaycore_directory::{Identity, Issuer, ProviderName, Subject};

use super::db::{StoreError, each_backend, row};
use super::schema::identities;
use super::tx::Tx;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = identities, treat_none_as_default_value = false)]
struct Row {
    tenant_id: i64,
    provider: String,
    issuer: String,
    subject: String,
    user_id: i64,
    email: Option<String>,
    is_source: bool,
    created_at_us: i64,
    used_at_us: i64,
}

pub(super) fn find(
    tx: &mut Tx<'_>,
    provider: &ProviderName,
    issuer: &Issuer,
    subject: &Subject,
) -> Result<Option<Identity>, StoreError> {
    let found: Option<Row> = identities::table
        .find((tx.tenant_id, provider.as_str(), issuer.as_str(), subject.as_str()))
        .select(row::<Row>())
        .get_result(&mut *tx.connection)
        .optional()?;
    found.map(Row::read).transpose()
}

pub(super) fn of_user(tx: &mut Tx<'_>, user_id: i64) -> Result<Vec<Identity>, StoreError> {
    let rows: Vec<Row> = identities::table
        .filter(identities::tenant_id.eq(tx.tenant_id))
        .filter(identities::user_id.eq(user_id))
        .select(row::<Row>())
        .load(&mut *tx.connection)?;
    let mut found = rows.into_iter().map(Row::read).collect::<Result<Vec<_>, _>>()?;
    // Here, as a database may have its own order of texts.
    found.sort_by(|a, b| (&a.provider, &a.issuer, &a.subject).cmp(&(&b.provider, &b.issuer, &b.subject)));
    Ok(found)
}

pub(super) fn put(tx: &mut Tx<'_>, identity: &Identity) -> Result<(), StoreError> {
    let row = Row {
        tenant_id: tx.tenant_id,
        provider: identity.provider.as_str().to_owned(),
        issuer: identity.issuer.as_str().to_owned(),
        subject: identity.subject.as_str().to_owned(),
        user_id: identity.user_id,
        email: identity.email.as_ref().map(|email| email.as_str().to_owned()),
        is_source: identity.is_source,
        created_at_us: identity.created_at_us,
        used_at_us: identity.used_at_us,
    };
    each_backend!(&mut *tx.connection, |inner| {
        diesel::insert_into(identities::table)
            .values(&row)
            .on_conflict((identities::tenant_id, identities::provider, identities::issuer, identities::subject))
            .do_update()
            .set((
                identities::email.eq(excluded(identities::email)),
                identities::is_source.eq(excluded(identities::is_source)),
                identities::used_at_us.eq(excluded(identities::used_at_us)),
            ))
            .execute(inner)
    })?;
    Ok(())
}

/// Takes an identity from its user.
pub(crate) fn remove(tx: &mut Tx<'_>, identity: &Identity) -> Result<(), StoreError> {
    let Identity { provider, issuer, subject, .. } = identity;
    let key = (tx.tenant_id, provider.as_str(), issuer.as_str(), subject.as_str());
    diesel::delete(identities::table.find(key)).execute(&mut *tx.connection)?;
    Ok(())
}

impl Row {
    fn read(self) -> Result<Identity, StoreError> {
        fn parse<T: std::str::FromStr>(text: &str) -> Result<T, StoreError> {
            text.parse().map_err(|_| StoreError::Corrupt("identity"))
        }
        Ok(Identity {
            provider: parse(&self.provider)?,
            issuer: parse(&self.issuer)?,
            subject: parse(&self.subject)?,
            user_id: self.user_id,
            email: self.email.as_deref().map(parse).transpose()?,
            is_source: self.is_source,
            created_at_us: self.created_at_us,
            used_at_us: self.used_at_us,
        })
    }
}
