//! Console logins: tables `admins`, `admin_emails`.

use diesel::prelude::*;
use osaycore_directory::Email;

use super::db::{AnyConnection, StoreError, each_backend, row};
use super::schema::{admin_emails, admins};
use super::tx::Tx;

/// What a console login may do; each may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Look.
    Viewer,
    /// Change what the apps work with.
    Admin,
    /// Decide who may sign in to the console, and replace the keys of the tenant.
    Owner,
}

impl Role {
    /// Every role, the most powerful first.
    pub(crate) const ALL: [Self; 3] = [Self::Owner, Self::Admin, Self::Viewer];

    /// As it is stored and shown.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl std::str::FromStr for Role {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or("must be owner, admin or viewer")
    }
}

/// A console login.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    pub(crate) id: i64,
    /// Unique in the deployment, whatever its case.
    pub(crate) email: Email,
    /// Argon2id, as a PHC string.
    pub(crate) password_hash: String,
    pub(crate) role: Role,
    pub(crate) disabled: bool,
    pub(crate) created_at_us: i64,
    pub(crate) password_set_at_us: i64,
    pub(crate) signed_in_at_us: Option<i64>,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = admins, treat_none_as_default_value = false, treat_none_as_null = true)]
struct Row {
    tenant_id: i64,
    id: i64,
    email: String,
    password_hash: String,
    role: String,
    disabled: bool,
    created_at_us: i64,
    password_set_at_us: i64,
    signed_in_at_us: Option<i64>,
}

/// Tenant and id of the login with this address, in whatever tenant.
pub(crate) fn by_email(connection: &mut AnyConnection, email: &Email) -> Result<Option<(i64, i64)>, StoreError> {
    Ok(admin_emails::table
        .find(key(email))
        .select((admin_emails::tenant_id, admin_emails::admin_id))
        .get_result(connection)
        .optional()?)
}

/// The login of this id.
pub(crate) fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Admin>, StoreError> {
    let found: Option<Row> =
        admins::table.find((tx.tenant_id, id)).select(row::<Row>()).get_result(&mut *tx.connection).optional()?;
    found.map(Row::read).transpose()
}

/// Every login of the tenant, in the order in which they were made.
pub(crate) fn list(tx: &mut Tx<'_>) -> Result<Vec<Admin>, StoreError> {
    let rows: Vec<Row> = admins::table
        .filter(admins::tenant_id.eq(tx.tenant_id))
        .order(admins::id)
        .select(row::<Row>())
        .load(&mut *tx.connection)?;
    rows.into_iter().map(Row::read).collect()
}

/// How many owners of the tenant may sign in.
pub(crate) fn count_owners(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    Ok(admins::table
        .filter(admins::tenant_id.eq(tx.tenant_id))
        .filter(admins::role.eq(Role::Owner.as_str()))
        .filter(admins::disabled.eq(false))
        .count()
        .get_result(&mut *tx.connection)?)
}

/// Adds a login; false where the address is somebody's already, in whatever tenant.
pub(crate) fn insert(tx: &mut Tx<'_>, admin: &Admin) -> Result<bool, StoreError> {
    if by_email(tx.connection, &admin.email)?.is_some() {
        return Ok(false);
    }
    let row = Row::of(tx, admin);
    each_backend!(&mut *tx.connection, |inner| diesel::insert_into(admins::table).values(&row).execute(inner))?;
    let of_email = (
        admin_emails::email.eq(key(&admin.email)),
        admin_emails::tenant_id.eq(tx.tenant_id),
        admin_emails::admin_id.eq(admin.id),
    );
    diesel::insert_into(admin_emails::table).values(of_email).execute(&mut *tx.connection)?;
    Ok(true)
}

/// Stores a login that was changed; its address stays.
pub(crate) fn update(tx: &mut Tx<'_>, admin: &Admin) -> Result<(), StoreError> {
    diesel::update(admins::table.find((tx.tenant_id, admin.id)))
        .set((
            admins::password_hash.eq(&admin.password_hash),
            admins::role.eq(admin.role.as_str()),
            admins::disabled.eq(admin.disabled),
            admins::password_set_at_us.eq(admin.password_set_at_us),
            admins::signed_in_at_us.eq(admin.signed_in_at_us),
        ))
        .execute(&mut *tx.connection)?;
    Ok(())
}

/// What addresses are compared by.
fn key(email: &Email) -> String {
    email.as_str().to_ascii_lowercase()
}

impl Row {
    fn of(tx: &Tx<'_>, admin: &Admin) -> Self {
        Self {
            tenant_id: tx.tenant_id,
            id: admin.id,
            email: admin.email.as_str().to_owned(),
            password_hash: admin.password_hash.clone(),
            role: admin.role.as_str().to_owned(),
            disabled: admin.disabled,
            created_at_us: admin.created_at_us,
            password_set_at_us: admin.password_set_at_us,
            signed_in_at_us: admin.signed_in_at_us,
        }
    }

    fn read(self) -> Result<Admin, StoreError> {
        Ok(Admin {
            id: self.id,
            email: self.email.parse().map_err(|_| StoreError::Corrupt("console login"))?,
            password_hash: self.password_hash,
            role: self.role.parse().map_err(|_| StoreError::Corrupt("console login"))?,
            disabled: self.disabled,
            created_at_us: self.created_at_us,
            password_set_at_us: self.password_set_at_us,
            signed_in_at_us: self.signed_in_at_us,
        })
    }
}
