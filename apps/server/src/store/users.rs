//! Users: table `users`.

use diesel::prelude::*;
use osaycore_directory::{Email, Name, User, UserPage, UserRef, UserStatus, Username, Write};
use uuid::Uuid;

use super::bulk::load_all;
use super::db::{StoreError, each_backend, row};
use super::schema::{permits as permit_rows, users};
use super::tx::{self, Tx};
use super::{permits, terms};

#[derive(Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = users, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(super) struct Row {
    tenant_id: i64,
    id: i64,
    uuid: Vec<u8>,
    directory: String,
    username: String,
    email: Option<String>,
    email_verified: bool,
    display_name: Option<String>,
    avatar_url: Option<String>,
    role: String,
    status: String,
    bypass_otp: bool,
    deleted_at_us: Option<i64>,
    created_at_us: i64,
    updated_at_us: i64,
}

pub(super) fn find(tx: &mut Tx<'_>, user: &UserRef) -> Result<Option<User>, StoreError> {
    let mut query = users::table.filter(users::tenant_id.eq(tx.tenant_id)).select(row::<Row>()).into_boxed();
    query = match user {
        UserRef::Uuid(uuid) => query.filter(users::uuid.eq(uuid.as_bytes().to_vec())),
        UserRef::Id(id) => query.filter(users::id.eq(*id)),
        UserRef::Name { directory, username } => query
            .filter(users::directory.eq(directory.as_ref().map_or("", |name| name.as_str()).to_owned()))
            .filter(users::username.eq(username.as_str().to_owned()))
            .filter(users::deleted_at_us.is_null()),
    };
    query.get_result(&mut *tx.connection).optional()?.map(Row::read).transpose()
}

/// The deleted users of this name, by ascending id: any number of them, as a deletion frees the name.
pub(crate) fn deleted_by_name(
    tx: &mut Tx<'_>,
    directory: Option<&Name>,
    username: &Username,
) -> Result<Vec<User>, StoreError> {
    let rows: Vec<Row> = users::table
        .filter(users::tenant_id.eq(tx.tenant_id))
        .filter(users::directory.eq(directory.map_or("", Name::as_str)))
        .filter(users::username.eq(username.as_str()))
        .filter(users::deleted_at_us.is_not_null())
        .order(users::id)
        .select(row::<Row>())
        .load(&mut *tx.connection)?;
    rows.into_iter().map(Row::read).collect()
}

diesel::define_sql_function! {
    /// In every database's own manner, which is the same one for ASCII.
    fn lower(text: diesel::sql_types::Nullable<diesel::sql_types::Text>)
        -> diesel::sql_types::Nullable<diesel::sql_types::Text>;
}

/// In the words of the index `users_by_email`, so that it is used.
pub(super) fn by_verified_email(tx: &mut Tx<'_>, email: &Email) -> Result<Vec<User>, StoreError> {
    let rows: Vec<Row> = users::table
        .filter(users::tenant_id.eq(tx.tenant_id))
        .filter(lower(users::email).eq(email.as_str().to_ascii_lowercase()))
        .filter(users::email_verified)
        .filter(users::deleted_at_us.is_null())
        .order(users::id)
        .limit(2)
        .select(row::<Row>())
        .load(&mut *tx.connection)?;
    rows.into_iter().map(Row::read).collect()
}

/// The users with these public ids, deleted ones too.
pub(super) fn by_uuids(tx: &mut Tx<'_>, uuids: &[Uuid]) -> Result<Vec<User>, StoreError> {
    let tenant_id = tx.tenant_id;
    let rows: Vec<Row> = load_all!(
        &mut *tx.connection,
        uuids,
        |inner| users::table
            .filter(users::tenant_id.eq(tenant_id))
            .filter(users::uuid.eq_any(uuids.iter().map(|uuid| uuid.as_bytes().as_slice()).collect::<Vec<_>>()))
            .select(Row::as_select())
            .load(inner),
        |uuid, inner| users::table
            .filter(users::tenant_id.eq(tenant_id))
            .filter(users::uuid.eq(uuid.as_bytes().as_slice()))
            .select(Row::as_select())
            .load(inner)
    );
    rows.into_iter().map(Row::read).collect()
}

pub(super) fn list(tx: &mut Tx<'_>, page: UserPage) -> Result<Vec<User>, StoreError> {
    let mut query = users::table
        .filter(users::tenant_id.eq(tx.tenant_id))
        .filter(users::id.gt(page.after_id))
        .order(users::id)
        .limit(page.limit.into())
        .select(row::<Row>())
        .into_boxed();
    if !page.with_deleted {
        query = query.filter(users::deleted_at_us.is_null());
    }
    if let Some(app_id) = page.linked_to {
        query = query.filter(
            users::id.eq_any(
                permit_rows::table
                    .filter(permit_rows::tenant_id.eq(tx.tenant_id))
                    .filter(permit_rows::app_id.eq(app_id))
                    .select(permit_rows::user_id),
            ),
        );
    }
    let rows: Vec<Row> = query.load(&mut *tx.connection)?;
    rows.into_iter().map(Row::read).collect()
}

pub(super) fn insert(tx: &mut Tx<'_>, user: &User) -> Result<Write, StoreError> {
    let row = Row::of(tx, user)?;
    if taken(tx, &row)? {
        return Ok(Write::Taken(osaycore_directory::Unique::Name));
    }
    each_backend!(&mut *tx.connection, |inner| { diesel::insert_into(users::table).values(&row).execute(inner) })?;
    terms::write(tx, user)?;
    // Nobody knows the user yet, so what is known stays true; what is read from here on may be undone.
    tx.directory_stands = false;
    Ok(Write::Done)
}

pub(super) fn update(tx: &mut Tx<'_>, user: &User) -> Result<Write, StoreError> {
    let row = Row::of(tx, user)?;
    if user.deleted_at_us.is_none() && taken(tx, &row)? {
        return Ok(Write::Taken(osaycore_directory::Unique::Name));
    }
    if user.deleted_at_us.is_none() && permits::external_id_taken(tx, user.id)? {
        return Ok(Write::Taken(osaycore_directory::Unique::ExternalId));
    }
    let updated = diesel::update(users::table.find((tx.tenant_id, user.id)))
        .set((
            users::directory.eq(row.directory),
            users::username.eq(row.username),
            users::email.eq(row.email),
            users::email_verified.eq(row.email_verified),
            users::display_name.eq(row.display_name),
            users::avatar_url.eq(row.avatar_url),
            users::role.eq(row.role),
            users::status.eq(row.status),
            users::bypass_otp.eq(row.bypass_otp),
            users::deleted_at_us.eq(row.deleted_at_us),
            users::updated_at_us.eq(row.updated_at_us),
        ))
        .execute(&mut *tx.connection)?;
    if updated != 1 {
        return Err(diesel::result::Error::NotFound.into());
    }
    permits::set_dormant(tx, user.id, user.deleted_at_us.is_some())?;
    terms::write(tx, user)?;
    tx.directory_changed()?;
    Ok(Write::Done)
}

/// Whether another user who is not deleted has the name. The unique index stands behind it.
fn taken(tx: &mut Tx<'_>, row: &Row) -> Result<bool, StoreError> {
    let other = users::table
        .filter(users::tenant_id.eq(tx.tenant_id))
        .filter(users::directory.eq(&row.directory))
        .filter(users::username.eq(&row.username))
        .filter(users::deleted_at_us.is_null())
        .filter(users::id.ne(row.id));
    Ok(diesel::select(diesel::dsl::exists(other)).get_result(&mut *tx.connection)?)
}

impl Row {
    fn of(tx: &Tx<'_>, user: &User) -> Result<Self, StoreError> {
        if user.tenant_id != tx.tenant_id {
            return Err(StoreError::Corrupt("user of another tenant"));
        }
        let text = |value: &dyn AsRef<str>| value.as_ref().to_owned();
        Ok(Self {
            tenant_id: user.tenant_id,
            id: user.id,
            uuid: user.uuid.as_bytes().to_vec(),
            directory: user.directory.as_ref().map_or_else(String::new, |name| text(name)),
            username: text(&user.username),
            email: user.email.as_ref().map(|email| text(email)),
            email_verified: user.email_verified,
            display_name: user.display_name.as_ref().map(|name| text(name)),
            avatar_url: user.avatar_url.as_ref().map(|url| url.as_str().to_owned()),
            role: text(&user.role),
            status: user.status.as_str().to_owned(),
            bypass_otp: user.bypass_otp,
            deleted_at_us: user.deleted_at_us,
            created_at_us: user.created_at_us,
            updated_at_us: user.updated_at_us,
        })
    }

    pub(super) fn read(self) -> Result<User, StoreError> {
        fn parse<T: std::str::FromStr>(text: &str) -> Result<T, StoreError> {
            text.parse().map_err(|_| StoreError::Corrupt("user"))
        }
        let directory = if self.directory.is_empty() { None } else { Some(parse(&self.directory)?) };
        Ok(User {
            id: self.id,
            uuid: tx::uuid(&self.uuid)?,
            tenant_id: self.tenant_id,
            directory,
            username: parse(&self.username)?,
            email: self.email.as_deref().map(parse).transpose()?,
            email_verified: self.email_verified,
            display_name: self.display_name.as_deref().map(parse).transpose()?,
            avatar_url: self.avatar_url.as_deref().map(parse).transpose()?,
            role: parse(&self.role)?,
            status: parse::<UserStatus>(&self.status)?,
            bypass_otp: self.bypass_otp,
            deleted_at_us: self.deleted_at_us,
            created_at_us: self.created_at_us,
            updated_at_us: self.updated_at_us,
        })
    }
}
