//! Pseudo-random calls, beside [`Memory`]: every answer is the same, committed or rolled back.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{APP_IDS, DAY_US, Fixture, MARCH_US, USER_IDS, active, commits, digest, secret, text};
use crate::{Attempts, Credential, Month, Storage, memory::Memory, reset};

/// Months in which the suite has counted nobody: from September 2027.
const FIRST_US: i64 = MARCH_US + 184 * DAY_US;

#[derive(Debug)]
enum Call {
    Credential,
    PutCredential(Credential),
    RemoveCredential,
    Attempts,
    PutAttempts(Attempts),
    ClearAttempts,
    /// Asked only of users who have a credential: others have no recovery codes.
    ReplaceRecoveryCodes(Vec<[u8; 32]>),
    TakeRecoveryCode([u8; 32]),
    RecoveryCodesLeft,
    IsCounted,
    Counted(i64),
    Count,
}

pub(super) fn run<F: Fixture>(store: &mut F) {
    for user in USER_IDS {
        commits(store, |tx| reset(tx, user).expect("reset"));
    }
    let mut memory = Memory::new();
    let mut below = pseudo_random();
    for round in 0..60 {
        let mut ahead = memory.clone();
        let is_kept = below(4) > 0;
        let result = store.transact(|tx| {
            for _ in 0..below(12) {
                let user = USER_IDS.into_iter().cycle().nth(number(below(3))).expect("a cycle");
                let app = APP_IDS.into_iter().cycle().nth(number(below(2))).expect("a cycle");
                let months = i64::try_from(below(3)).map_err(text)?;
                let month = Month::at(FIRST_US + months * 31 * DAY_US);
                let call = call(&mut below, ahead.credential(user).map_err(text)?.is_some());
                let said = answer(tx, &call, user, app, month)?;
                let expected = answer(&mut ahead, &call, user, app, month)?;
                assert_eq!(said, expected, "round {round}: {call:?} of user {user}, app {app}, {month:?}");
            }
            if is_kept { Ok(()) } else { Err("changed my mind".to_string()) }
        });
        assert_eq!(result.is_ok(), is_kept, "round {round}: {result:?}");
        if is_kept {
            memory = ahead;
        }
    }
}

fn call(below: &mut impl FnMut(u64) -> u64, has_credential: bool) -> Call {
    let seed = u8::try_from(below(4)).unwrap_or(0);
    match below(12) {
        0 => Call::Credential,
        1 => Call::PutCredential(Credential::Pending(secret(seed))),
        2 => Call::PutCredential(active(seed, i64::from(seed))),
        3 => Call::RemoveCredential,
        4 => Call::Attempts,
        5 if seed < 2 => Call::PutAttempts(Attempts::Open { failures: seed.into() }),
        5 => Call::PutAttempts(Attempts::Locked { until_us: seed.into() }),
        6 => Call::ClearAttempts,
        7 if has_credential => Call::ReplaceRecoveryCodes((0..seed).map(digest).collect()),
        8 => Call::TakeRecoveryCode(digest(seed)),
        9 => Call::IsCounted,
        10 => Call::Counted(seed.into()),
        11 => Call::Count,
        _ => Call::RecoveryCodesLeft,
    }
}

fn answer<S: Storage>(store: &mut S, call: &Call, user: i64, app: i64, month: Month) -> Result<String, String> {
    Ok(match call {
        // A secret's `Debug` says nothing.
        Call::Credential => match store.credential(user).map_err(text)? {
            Some(credential) => format!("{credential:?} {:?}", credential.secret().seed()),
            None => "none".to_string(),
        },
        Call::PutCredential(credential) => text(store.put_credential(user, credential).map_err(text)?),
        Call::RemoveCredential => text(store.remove_credential(user).map_err(text)?),
        Call::Attempts => text(store.attempts(user, app).map_err(text)?),
        Call::PutAttempts(attempts) => text(store.put_attempts(user, app, *attempts).map_err(text)?),
        Call::ClearAttempts => text(store.clear_attempts(user).map_err(text)?),
        Call::ReplaceRecoveryCodes(digests) => text(store.replace_recovery_codes(user, digests).map_err(text)?),
        Call::TakeRecoveryCode(digest) => text(store.take_recovery_code(user, digest).map_err(text)?),
        Call::RecoveryCodesLeft => text(store.recovery_codes_left(user).map_err(text)?),
        Call::IsCounted => text(store.is_counted(month, user).map_err(text)?),
        Call::Counted(at_most) => text(store.counted(month, *at_most).map_err(text)?),
        Call::Count => text(store.count(month, user).map_err(text)?),
    })
}

/// Numbers below a bound, from Knuth's MMIX generator: the suite needs variety, not secrecy.
fn pseudo_random() -> impl FnMut(u64) -> u64 {
    let mut state = 0x5eed_u64;
    move |bound| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33).checked_rem(bound).unwrap_or(0)
    }
}

fn number(number: u64) -> usize {
    usize::try_from(number).unwrap_or(0)
}
