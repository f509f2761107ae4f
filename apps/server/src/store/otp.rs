//! Second factors: tables `otp_credentials`, `otp_attempts`, `recovery_codes`, `monthly_users`.

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use osaycore_otp::{Attempts, Credential, Month, Parameters, Secret, Storage};
use zeroize::Zeroizing;

use super::db::{AnyConnection, StoreError, each_backend, row};
use super::schema::{monthly_users, otp_attempts, otp_credentials, recovery_codes};
use super::tx::Tx;
use crate::sealing::{Place, Sealer};

/// The second factors of the transaction's tenant, their seeds sealed.
pub(crate) struct Factors<'t> {
    connection: &'t mut AnyConnection,
    tenant_id: i64,
    sealer: &'t Sealer,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = otp_credentials, treat_none_as_default_value = false)]
struct Row {
    tenant_id: i64,
    user_id: i64,
    seed: Vec<u8>,
    algorithm: String,
    digits: i64,
    period_s: i64,
    last_step: Option<i64>,
}

#[derive(Insertable)]
#[diesel(table_name = otp_attempts, treat_none_as_default_value = false)]
struct AttemptsRow {
    tenant_id: i64,
    user_id: i64,
    app_id: i64,
    failures: i64,
    locked_until_us: Option<i64>,
}

/// The user's attempts in each app, by app id.
pub(crate) fn attempts_of(tx: &mut Tx<'_>, user_id: i64) -> Result<Vec<(i64, Attempts)>, StoreError> {
    let rows: Vec<(i64, i64, Option<i64>)> = otp_attempts::table
        .filter(otp_attempts::tenant_id.eq(tx.tenant_id))
        .filter(otp_attempts::user_id.eq(user_id))
        .order(otp_attempts::app_id)
        .select((otp_attempts::app_id, otp_attempts::failures, otp_attempts::locked_until_us))
        .load(&mut *tx.connection)?;
    rows.into_iter().map(|(app_id, failures, until_us)| Ok((app_id, attempts(failures, until_us)?))).collect()
}

/// Whether the user has a credential, and whether it is active; the seed stays sealed.
pub(crate) fn enrolled(tx: &mut Tx<'_>, user_id: i64) -> Result<Option<bool>, StoreError> {
    let last_step: Option<Option<i64>> = otp_credentials::table
        .find((tx.tenant_id, user_id))
        .select(otp_credentials::last_step)
        .get_result(&mut *tx.connection)
        .optional()?;
    Ok(last_step.map(|last_step| last_step.is_some()))
}

/// How many recovery codes the user has left.
pub(crate) fn recovery_codes_left(tx: &mut Tx<'_>, user_id: i64) -> Result<u32, StoreError> {
    count_recovery_codes(tx.connection, tx.tenant_id, user_id)
}

fn count_recovery_codes(connection: &mut AnyConnection, tenant_id: i64, user_id: i64) -> Result<u32, StoreError> {
    let left: i64 = recovery_codes::table
        .filter(recovery_codes::tenant_id.eq(tenant_id))
        .filter(recovery_codes::user_id.eq(user_id))
        .count()
        .get_result(connection)?;
    Ok(u32::try_from(left).unwrap_or(u32::MAX))
}

/// Forgets the user's attempts in every app; false if there were none.
pub(crate) fn clear_attempts(tx: &mut Tx<'_>, user_id: i64) -> Result<bool, StoreError> {
    forget_attempts(tx.connection, tx.tenant_id, user_id)
}

fn forget_attempts(connection: &mut AnyConnection, tenant_id: i64, user_id: i64) -> Result<bool, StoreError> {
    let mine =
        otp_attempts::table.filter(otp_attempts::tenant_id.eq(tenant_id)).filter(otp_attempts::user_id.eq(user_id));
    Ok(diesel::delete(mine).execute(connection)? > 0)
}

/// Seals every seed anew: the master key is rotated.
pub(crate) fn reseal(connection: &mut AnyConnection, sealer: &Sealer) -> Result<usize, StoreError> {
    let rows: Vec<Row> = otp_credentials::table.select(row::<Row>()).load(connection)?;
    for row in &rows {
        let name = row_name(row.tenant_id, row.user_id);
        let sealed = sealer.seal(place(&name), &sealer.open(place(&name), &row.seed)?)?;
        diesel::update(otp_credentials::table.find((row.tenant_id, row.user_id)))
            .set(otp_credentials::seed.eq(sealed))
            .execute(connection)?;
    }
    Ok(rows.len())
}

impl<'t> Factors<'t> {
    /// `sealer` opens what is stored, and seals what is written.
    pub(crate) fn new(tx: &'t mut Tx<'_>, sealer: &'t Sealer) -> Self {
        Self { connection: &mut *tx.connection, tenant_id: tx.tenant_id, sealer }
    }

    /// Seals the seed, whatever there was.
    fn replace_credential(&mut self, user_id: i64, secret: &Secret, last_step: Option<i64>) -> Result<(), StoreError> {
        let parameters = secret.parameters();
        let row = Row {
            tenant_id: self.tenant_id,
            user_id,
            seed: self.sealer.seal(place(&row_name(self.tenant_id, user_id)), secret.seed())?,
            algorithm: parameters.algorithm().as_str().to_owned(),
            digits: parameters.digits().into(),
            period_s: parameters.period_s().into(),
            last_step,
        };
        diesel::delete(otp_credentials::table.find((row.tenant_id, user_id))).execute(self.connection)?;
        diesel::insert_into(otp_credentials::table).values(row).execute(self.connection)?;
        Ok(())
    }
}

impl Storage for Factors<'_> {
    type Error = StoreError;

    fn credential(&mut self, user_id: i64) -> Result<Option<Credential>, StoreError> {
        let found: Option<Row> = otp_credentials::table
            .find((self.tenant_id, user_id))
            .select(row::<Row>())
            .get_result(self.connection)
            .optional()?;
        found.map(|row| row.open(self.sealer)).transpose()
    }

    fn put_credential(&mut self, user_id: i64, credential: &Credential) -> Result<(), StoreError> {
        let (secret, last_step) = match credential {
            Credential::Pending(secret) => (secret, None),
            Credential::Active { secret, last_step } => (secret, Some(*last_step)),
        };
        match self.credential(user_id)? {
            Some(known) if known.secret() == secret && known.secret().parameters() == secret.parameters() => {
                diesel::update(otp_credentials::table.find((self.tenant_id, user_id)))
                    .set(otp_credentials::last_step.eq(last_step))
                    .execute(self.connection)?;
                Ok(())
            }
            _ => self.replace_credential(user_id, secret, last_step),
        }
    }

    fn remove_credential(&mut self, user_id: i64) -> Result<bool, StoreError> {
        self.replace_recovery_codes(user_id, &[])?;
        let removed =
            diesel::delete(otp_credentials::table.find((self.tenant_id, user_id))).execute(self.connection)?;
        Ok(removed > 0)
    }

    fn attempts(&mut self, user_id: i64, app_id: i64) -> Result<Attempts, StoreError> {
        let found: Option<(i64, Option<i64>)> = otp_attempts::table
            .find((self.tenant_id, user_id, app_id))
            .select((otp_attempts::failures, otp_attempts::locked_until_us))
            .get_result(self.connection)
            .optional()?;
        found.map_or(Ok(Attempts::NONE), |(failures, until_us)| attempts(failures, until_us))
    }

    fn put_attempts(&mut self, user_id: i64, app_id: i64, attempts: Attempts) -> Result<(), StoreError> {
        let (failures, locked_until_us) = match attempts {
            Attempts::Open { failures } => (failures, None),
            Attempts::Locked { until_us } => (0, Some(until_us)),
        };
        let tenant_id = self.tenant_id;
        diesel::delete(otp_attempts::table.find((tenant_id, user_id, app_id))).execute(self.connection)?;
        if attempts != Attempts::NONE {
            let row = AttemptsRow { tenant_id, user_id, app_id, failures: failures.into(), locked_until_us };
            diesel::insert_into(otp_attempts::table).values(row).execute(self.connection)?;
        }
        Ok(())
    }

    fn clear_attempts(&mut self, user_id: i64) -> Result<bool, StoreError> {
        forget_attempts(self.connection, self.tenant_id, user_id)
    }

    fn replace_recovery_codes(&mut self, user_id: i64, digests: &[[u8; 32]]) -> Result<(), StoreError> {
        let tenant_id = self.tenant_id;
        let mine = recovery_codes::table
            .filter(recovery_codes::tenant_id.eq(tenant_id))
            .filter(recovery_codes::user_id.eq(user_id));
        diesel::delete(mine).execute(self.connection)?;
        for digest in digests {
            let row = (
                recovery_codes::tenant_id.eq(tenant_id),
                recovery_codes::user_id.eq(user_id),
                recovery_codes::digest.eq(digest.as_slice()),
            );
            diesel::insert_into(recovery_codes::table).values(row).execute(self.connection)?;
        }
        Ok(())
    }

    fn take_recovery_code(&mut self, user_id: i64, digest: &[u8; 32]) -> Result<bool, StoreError> {
        let code = recovery_codes::table.find((self.tenant_id, user_id, digest.as_slice()));
        Ok(diesel::delete(code).execute(self.connection)? > 0)
    }

    fn recovery_codes_left(&mut self, user_id: i64) -> Result<u32, StoreError> {
        count_recovery_codes(self.connection, self.tenant_id, user_id)
    }

    fn is_counted(&mut self, month: Month, user_id: i64) -> Result<bool, StoreError> {
        let counted = monthly_users::table.find((self.tenant_id, month.number(), user_id));
        Ok(diesel::select(diesel::dsl::exists(counted)).get_result(self.connection)?)
    }

    fn counted(&mut self, month: Month, at_most: i64) -> Result<i64, StoreError> {
        #[derive(QueryableByName)]
        struct Counted {
            #[diesel(sql_type = BigInt)]
            users: i64,
        }
        // Not more rows than matter are counted.
        let counted: Counted = diesel::sql_query(
            "SELECT COUNT(*) AS users FROM (SELECT user_id FROM monthly_users \
             WHERE tenant_id = $1 AND month = $2 LIMIT $3) AS of_the_month",
        )
        .bind::<BigInt, _>(self.tenant_id)
        .bind::<BigInt, _>(month.number())
        .bind::<BigInt, _>(at_most.max(0))
        .get_result(self.connection)?;
        Ok(counted.users)
    }

    fn count(&mut self, month: Month, user_id: i64) -> Result<(), StoreError> {
        let row = (
            monthly_users::tenant_id.eq(self.tenant_id),
            monthly_users::month.eq(month.number()),
            monthly_users::user_id.eq(user_id),
        );
        each_backend!(self.connection, |inner| {
            diesel::insert_into(monthly_users::table).values(row).on_conflict_do_nothing().execute(inner)
        })?;
        Ok(())
    }
}

/// Attempts as they are stored.
pub(super) fn attempts(failures: i64, locked_until_us: Option<i64>) -> Result<Attempts, StoreError> {
    match locked_until_us {
        Some(until_us) => Ok(Attempts::Locked { until_us }),
        None => u32::try_from(failures)
            .map(|failures| Attempts::Open { failures })
            .map_err(|_| StoreError::Corrupt("count of attempts")),
    }
}

fn row_name(tenant_id: i64, user_id: i64) -> String {
    format!("{tenant_id}/{user_id}")
}

fn place(row: &str) -> Place<'_> {
    Place { table: "otp_credentials", row, column: "seed" }
}

/// A credential as it is stored, its seed opened.
pub(super) fn opened(
    seed: &[u8],
    algorithm: &str,
    digits: i64,
    period_s: i64,
    last_step: Option<i64>,
) -> Result<Credential, StoreError> {
    let corrupt = || StoreError::Corrupt("second factor");
    let (Ok(algorithm), Ok(digits), Ok(period_s)) = (algorithm.parse(), u32::try_from(digits), u32::try_from(period_s))
    else {
        return Err(corrupt());
    };
    let parameters = Parameters::new(algorithm, digits, period_s).map_err(|_| corrupt())?;
    let secret = Secret::new(seed, parameters).map_err(|_| corrupt())?;
    Ok(match last_step {
        Some(last_step) => Credential::Active { secret, last_step },
        None => Credential::Pending(secret),
    })
}

impl Row {
    fn open(self, sealer: &Sealer) -> Result<Credential, StoreError> {
        let seed: Zeroizing<Vec<u8>> = sealer.open(place(&row_name(self.tenant_id, self.user_id)), &self.seed)?;
        opened(&seed, &self.algorithm, self.digits, self.period_s, self.last_step)
    }
}
