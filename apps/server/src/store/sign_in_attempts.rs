//! Wrong passwords and codes at the console: table `sign_in_attempts`, by address and not by login.

use diesel::prelude::*;
use diesel::upsert::excluded;
use osaycore_directory::Email;
use osaycore_otp::Attempts;
use sha2::{Digest as _, Sha256};

use super::db::{AnyConnection, StoreError, each_backend};
use super::otp::attempts;
use super::schema::sign_in_attempts;

/// What an address is counted under.
pub(crate) fn hash(email: &Email) -> [u8; 32] {
    Sha256::digest(email.as_str().to_ascii_lowercase().as_bytes()).into()
}

/// The attempts at an address, as they were put last.
pub(crate) fn find(connection: &mut AnyConnection, email_hash: &[u8; 32]) -> Result<Attempts, StoreError> {
    let found: Option<(i64, Option<i64>)> = sign_in_attempts::table
        .find(email_hash.as_slice())
        .select((sign_in_attempts::failures, sign_in_attempts::locked_until_us))
        .get_result(connection)
        .optional()?;
    found.map_or(Ok(Attempts::NONE), |(failures, until_us)| attempts(failures, until_us))
}

/// Keeps the attempts at an address.
pub(crate) fn put(
    connection: &mut AnyConnection,
    email_hash: &[u8; 32],
    attempts: Attempts,
    now_us: i64,
) -> Result<(), StoreError> {
    let (failures, locked_until_us) = match attempts {
        Attempts::NONE => {
            diesel::delete(sign_in_attempts::table.find(email_hash.as_slice())).execute(connection)?;
            return Ok(());
        }
        Attempts::Open { failures } => (failures, None),
        Attempts::Locked { until_us } => (0, Some(until_us)),
    };
    let row = (
        sign_in_attempts::email_hash.eq(email_hash.as_slice()),
        sign_in_attempts::failures.eq(i64::from(failures)),
        sign_in_attempts::locked_until_us.eq(locked_until_us),
        sign_in_attempts::changed_at_us.eq(now_us),
    );
    each_backend!(connection, |inner| {
        diesel::insert_into(sign_in_attempts::table)
            .values(row)
            .on_conflict(sign_in_attempts::email_hash)
            .do_update()
            .set((
                sign_in_attempts::failures.eq(excluded(sign_in_attempts::failures)),
                sign_in_attempts::locked_until_us.eq(excluded(sign_in_attempts::locked_until_us)),
                sign_in_attempts::changed_at_us.eq(excluded(sign_in_attempts::changed_at_us)),
            ))
            .execute(inner)
    })?;
    Ok(())
}

/// Whether attempts are kept that nothing was added to since.
pub(crate) fn any_old(connection: &mut AnyConnection, before_us: i64) -> Result<bool, StoreError> {
    let old = sign_in_attempts::table.filter(sign_in_attempts::changed_at_us.lt(before_us));
    Ok(diesel::select(diesel::dsl::exists(old)).get_result(connection)?)
}

/// Drops those attempts.
pub(crate) fn forget(connection: &mut AnyConnection, before_us: i64) -> Result<(), StoreError> {
    let old = sign_in_attempts::table.filter(sign_in_attempts::changed_at_us.lt(before_us));
    diesel::delete(old).execute(connection)?;
    Ok(())
}
