//! What is done to second factors: load, decide, keep.

use alloc::vec::Vec;

use crate::{
    Attempts, Credential, Lockout, Month, Purpose, RECOVERY_CODES, RecoveryCode, Secret, Standing, State, Storage,
    Tried, decide,
};

/// A known user, as far as second factors are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The user.
    pub user_id: i64,
    /// Neither disabled nor suspended.
    pub is_active: bool,
    /// In one of the app's groups, or the app is not restricted to groups.
    pub is_admitted: bool,
    /// Set to bypass second factors.
    pub bypasses: bool,
}

/// The app that asks, and what it has set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppPolicy {
    /// The app.
    pub app_id: i64,
    /// Users that are set to bypass are let in.
    pub allows_bypass: bool,
    /// When a user is locked.
    pub lockout: Lockout,
    /// How many distinct users the tenant may have in a UTC month; `None`: any number.
    pub monthly_limit: Option<i64>,
}

/// What a user was let in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// A code of the authenticator app.
    Code,
    /// The first code of the authenticator app: the user is enrolled from now on.
    FirstCode,
    /// A recovery code.
    RecoveryCode,
}

/// What became of an entered code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `Valid` or `Invalid` if the code was looked at, else the state that kept it from being.
    pub state: State,
    /// With `Valid`: by what.
    pub factor: Option<Factor>,
    /// With `Invalid`: it was a wrong code, which counts, and neither a used one nor something else.
    pub is_guess: bool,
    /// With a guess: it locked the user until then, Unix microseconds.
    pub locked_until_us: Option<i64>,
}

impl Verdict {
    const fn plain(state: State) -> Self {
        Self { state, factor: None, is_guess: false, locked_until_us: None }
    }

    const fn valid(factor: Factor) -> Self {
        Self { factor: Some(factor), ..Self::plain(State::Valid) }
    }
}

/// The user's state in an app, without a code.
pub fn state_of<S: Storage>(
    storage: &mut S,
    subject: Option<&Subject>,
    policy: &AppPolicy,
    purpose: Purpose,
    now_us: i64,
) -> Result<State, S::Error> {
    let Some(subject) = subject else { return Ok(State::NotRegistered) };
    let enrolled = storage.credential(subject.user_id)?.is_some_and(|credential| credential.is_active());
    standing(storage, subject, policy, enrolled, now_us).map(|standing| decide(Some(&standing), purpose))
}

/// Checks an entered code: the same order first, then the code. An answer before the code was looked at uses nothing up.
///
/// A [`Purpose::Registration`] of a pending user is completed by the first right code; that of an enrolled user is a
/// login. A wrong code counts, and the one that reaches the threshold locks; what has no form of a code and what was used
/// before do not count. A right code clears the count; that of a login puts the user among those of the month.
pub fn verify<S: Storage>(
    storage: &mut S,
    subject: Option<&Subject>,
    policy: &AppPolicy,
    purpose: Purpose,
    entered: &str,
    now_us: i64,
) -> Result<Verdict, S::Error> {
    let Some(subject) = subject else { return Ok(Verdict::plain(State::NotRegistered)) };
    let user_id = subject.user_id;
    let credential = storage.credential(user_id)?;
    let enrolled = credential.as_ref().is_some_and(Credential::is_active);
    let standing = standing(storage, subject, policy, enrolled, now_us)?;
    let purpose = if enrolled { Purpose::Login } else { purpose };
    let state = decide(Some(&standing), purpose);
    let ((State::Authenticate, _, Some(credential))
    | (State::PendingEnrollment, Purpose::Registration, Some(credential))) = (state, purpose, credential)
    else {
        return Ok(Verdict::plain(state));
    };
    let factor = match credential.try_code(entered, now_us.div_euclid(1_000_000)) {
        Tried::Accepted(active) => {
            storage.put_credential(user_id, &active)?;
            Some(if enrolled { Factor::Code } else { Factor::FirstCode })
        }
        Tried::Recovery(code) if enrolled => {
            let taken = storage.take_recovery_code(user_id, &code.digest(credential.secret()))?;
            taken.then_some(Factor::RecoveryCode)
        }
        Tried::Used | Tried::Malformed => return Ok(Verdict::plain(State::Invalid)),
        Tried::Recovery(_) | Tried::Wrong => None,
    };
    let attempts = storage.attempts(user_id, policy.app_id)?;
    let Some(factor) = factor else {
        let attempts = attempts.failed(policy.lockout, now_us);
        storage.put_attempts(user_id, policy.app_id, attempts)?;
        let locked_until_us = match attempts {
            Attempts::Locked { until_us } => Some(until_us),
            Attempts::Open { .. } => None,
        };
        return Ok(Verdict { is_guess: true, locked_until_us, ..Verdict::plain(State::Invalid) });
    };
    if attempts != Attempts::NONE {
        storage.put_attempts(user_id, policy.app_id, Attempts::NONE)?;
    }
    // An enrolment is no sign-in of the month.
    if factor != Factor::FirstCode {
        storage.count(Month::at(now_us), user_id)?;
    }
    Ok(Verdict::valid(factor))
}

/// The user's pending secret: the one that there is, or `new` if there is none; `None`: the user is enrolled.
pub fn pending<S: Storage>(
    storage: &mut S,
    user_id: i64,
    new: impl FnOnce() -> Secret,
) -> Result<Option<Secret>, S::Error> {
    match storage.credential(user_id)? {
        Some(Credential::Active { .. }) => Ok(None),
        Some(Credential::Pending(secret)) => Ok(Some(secret)),
        None => {
            let secret = new();
            storage.put_credential(user_id, &Credential::Pending(secret.clone()))?;
            Ok(Some(secret))
        }
    }
}

/// Gives an enrolled user new recovery codes, from `random` bytes, and voids the old ones; `None`: the user is not
/// enrolled.
pub fn replace_recovery_codes<S: Storage>(
    storage: &mut S,
    user_id: i64,
    random: &[[u8; 10]; RECOVERY_CODES],
) -> Result<Option<Vec<RecoveryCode>>, S::Error> {
    let Some(Credential::Active { secret, .. }) = storage.credential(user_id)? else { return Ok(None) };
    let codes: Vec<RecoveryCode> = random.iter().map(RecoveryCode::from_random).collect();
    let digests: Vec<[u8; 32]> = codes.iter().map(|code| code.digest(&secret)).collect();
    storage.replace_recovery_codes(user_id, &digests)?;
    Ok(Some(codes))
}

/// Takes a user's second factor away, with the recovery codes and the attempts; false if there was none.
pub fn reset<S: Storage>(storage: &mut S, user_id: i64) -> Result<bool, S::Error> {
    storage.clear_attempts(user_id)?;
    storage.remove_credential(user_id)
}

fn standing<S: Storage>(
    storage: &mut S,
    subject: &Subject,
    policy: &AppPolicy,
    is_enrolled: bool,
    now_us: i64,
) -> Result<Standing, S::Error> {
    let exceeds_quota = match policy.monthly_limit {
        Some(limit) => {
            let month = Month::at(now_us);
            !storage.is_counted(month, subject.user_id)? && storage.counted(month, limit)? >= limit
        }
        None => false,
    };
    Ok(Standing {
        is_active: subject.is_active,
        is_locked: storage.attempts(subject.user_id, policy.app_id)?.is_locked(now_us),
        is_admitted: subject.is_admitted,
        bypasses: subject.bypasses,
        may_bypass: policy.allows_bypass,
        is_enrolled,
        exceeds_quota,
    })
}
