//! Second factors of console logins: tables `admin_factors`, `admin_recovery_codes`. Wrong codes are counted with wrong
//! passwords, in `sign_in_attempts`.

use diesel::prelude::*;
use osaycore_otp::{Attempts, Credential, Month, Storage};

use super::admins::Admin;
use super::db::{AnyConnection, StoreError, row};
use super::otp::opened;
use super::schema::{admin_factors, admin_recovery_codes};
use super::sign_in_attempts;
use super::tx::Tx;
use crate::sealing::{Place, Sealer};

/// The second factor of one console login, its seed sealed. There is one app, the console, and no limit of a month.
pub(crate) struct AdminFactors<'t> {
    connection: &'t mut AnyConnection,
    tenant_id: i64,
    email_hash: [u8; 32],
    sealer: &'t Sealer,
    now_us: i64,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = admin_factors, treat_none_as_default_value = false)]
struct Row {
    tenant_id: i64,
    admin_id: i64,
    seed: Vec<u8>,
    algorithm: String,
    digits: i64,
    period_s: i64,
    last_step: Option<i64>,
}

/// Whether a second factor of the login is in force.
pub(crate) fn is_in_force(tx: &mut Tx<'_>, admin_id: i64) -> Result<bool, StoreError> {
    let in_force = admin_factors::table.find((tx.tenant_id, admin_id)).filter(admin_factors::last_step.is_not_null());
    Ok(diesel::select(diesel::dsl::exists(in_force)).get_result(&mut *tx.connection)?)
}

/// How many recovery codes the login has left.
pub(crate) fn recovery_codes_left(tx: &mut Tx<'_>, admin_id: i64) -> Result<u32, StoreError> {
    count_recovery_codes(tx.connection, tx.tenant_id, admin_id)
}

fn count_recovery_codes(connection: &mut AnyConnection, tenant_id: i64, admin_id: i64) -> Result<u32, StoreError> {
    let left: i64 = admin_recovery_codes::table
        .filter(admin_recovery_codes::tenant_id.eq(tenant_id))
        .filter(admin_recovery_codes::admin_id.eq(admin_id))
        .count()
        .get_result(connection)?;
    Ok(u32::try_from(left).unwrap_or(u32::MAX))
}

/// Seals every seed anew: the master key is rotated.
pub(crate) fn reseal(connection: &mut AnyConnection, sealer: &Sealer) -> Result<usize, StoreError> {
    let rows: Vec<Row> = admin_factors::table.select(row::<Row>()).load(connection)?;
    for row in &rows {
        let name = row_name(row.tenant_id, row.admin_id);
        let sealed = sealer.seal(place(&name), &sealer.open(place(&name), &row.seed)?)?;
        diesel::update(admin_factors::table.find((row.tenant_id, row.admin_id)))
            .set(admin_factors::seed.eq(sealed))
            .execute(connection)?;
    }
    Ok(rows.len())
}

impl<'t> AdminFactors<'t> {
    /// That of the login; `sealer` opens what is stored, and seals what is written.
    pub(crate) fn new(tx: &'t mut Tx<'_>, sealer: &'t Sealer, admin: &Admin, now_us: i64) -> Self {
        let email_hash = sign_in_attempts::hash(&admin.email);
        Self { connection: &mut *tx.connection, tenant_id: tx.tenant_id, email_hash, sealer, now_us }
    }
}

impl Storage for AdminFactors<'_> {
    type Error = StoreError;

    fn credential(&mut self, admin_id: i64) -> Result<Option<Credential>, StoreError> {
        let found: Option<Row> = admin_factors::table
            .find((self.tenant_id, admin_id))
            .select(row::<Row>())
            .get_result(self.connection)
            .optional()?;
        let Some(row) = found else { return Ok(None) };
        let seed = self.sealer.open(place(&row_name(self.tenant_id, admin_id)), &row.seed)?;
        opened(&seed, &row.algorithm, row.digits, row.period_s, row.last_step).map(Some)
    }

    fn put_credential(&mut self, admin_id: i64, credential: &Credential) -> Result<(), StoreError> {
        let (secret, last_step) = match credential {
            Credential::Pending(secret) => (secret, None),
            Credential::Active { secret, last_step } => (secret, Some(*last_step)),
        };
        let parameters = secret.parameters();
        let row = Row {
            tenant_id: self.tenant_id,
            admin_id,
            seed: self.sealer.seal(place(&row_name(self.tenant_id, admin_id)), secret.seed())?,
            algorithm: parameters.algorithm().as_str().to_owned(),
            digits: parameters.digits().into(),
            period_s: parameters.period_s().into(),
            last_step,
        };
        diesel::delete(admin_factors::table.find((self.tenant_id, admin_id))).execute(self.connection)?;
        diesel::insert_into(admin_factors::table).values(row).execute(self.connection)?;
        Ok(())
    }

    fn remove_credential(&mut self, admin_id: i64) -> Result<bool, StoreError> {
        self.replace_recovery_codes(admin_id, &[])?;
        Ok(diesel::delete(admin_factors::table.find((self.tenant_id, admin_id))).execute(self.connection)? > 0)
    }

    fn attempts(&mut self, _: i64, _: i64) -> Result<Attempts, StoreError> {
        sign_in_attempts::find(self.connection, &self.email_hash)
    }

    fn put_attempts(&mut self, _: i64, _: i64, attempts: Attempts) -> Result<(), StoreError> {
        sign_in_attempts::put(self.connection, &self.email_hash, attempts, self.now_us)
    }

    fn clear_attempts(&mut self, _: i64) -> Result<bool, StoreError> {
        let there_were = sign_in_attempts::find(self.connection, &self.email_hash)? != Attempts::NONE;
        sign_in_attempts::put(self.connection, &self.email_hash, Attempts::NONE, self.now_us)?;
        Ok(there_were)
    }

    fn replace_recovery_codes(&mut self, admin_id: i64, digests: &[[u8; 32]]) -> Result<(), StoreError> {
        let tenant_id = self.tenant_id;
        let mine = admin_recovery_codes::table
            .filter(admin_recovery_codes::tenant_id.eq(tenant_id))
            .filter(admin_recovery_codes::admin_id.eq(admin_id));
        diesel::delete(mine).execute(self.connection)?;
        for digest in digests {
            let row = (
                admin_recovery_codes::tenant_id.eq(tenant_id),
                admin_recovery_codes::admin_id.eq(admin_id),
                admin_recovery_codes::digest.eq(digest.as_slice()),
            );
            diesel::insert_into(admin_recovery_codes::table).values(row).execute(self.connection)?;
        }
        Ok(())
    }

    fn take_recovery_code(&mut self, admin_id: i64, digest: &[u8; 32]) -> Result<bool, StoreError> {
        let code = admin_recovery_codes::table.find((self.tenant_id, admin_id, digest.as_slice()));
        Ok(diesel::delete(code).execute(self.connection)? > 0)
    }

    fn recovery_codes_left(&mut self, admin_id: i64) -> Result<u32, StoreError> {
        count_recovery_codes(self.connection, self.tenant_id, admin_id)
    }

    fn is_counted(&mut self, _: Month, _: i64) -> Result<bool, StoreError> {
        Ok(true)
    }

    fn counted(&mut self, _: Month, _: i64) -> Result<i64, StoreError> {
        Ok(0)
    }

    fn count(&mut self, _: Month, _: i64) -> Result<(), StoreError> {
        Ok(())
    }
}

fn row_name(tenant_id: i64, admin_id: i64) -> String {
    format!("{tenant_id}/{admin_id}")
}

fn place(row: &str) -> Place<'_> {
    Place { table: "admin_factors", row, column: "seed" }
}
