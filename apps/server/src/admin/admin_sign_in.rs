//! Signing in to the console: a password, then a second factor where there is one, and the session that comes of it.
//!
//! A password is worked at outside of any transaction, as it takes its time. So an attempt is counted before
//! ([`attempt`]), and settled after ([`settle`]): however many guess at once, no more guesses are looked at than the
//! threshold says.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use osaycore_audit::{Action, Actor, Details, Field, Log as _};
use osaycore_directory::Email;
use osaycore_otp::{
    self as otp, AppPolicy, Attempts, Factor, Lockout, Parameters, Purpose, RECOVERY_CODES, RecoveryCode, Secret,
    State, Subject,
};
use sha2::{Digest as _, Sha256};

use super::By;
use super::admins::{audit, target};
use crate::error::{Code, Failure};
use crate::sealing::Sealer;
use crate::store::admin_factors::{self, AdminFactors};
use crate::store::admin_sessions::{self, AdminSession};
use crate::store::admins::{self, Admin};
use crate::store::sign_in_attempts;
use crate::store::tx::Tx;
use crate::system;

/// Wrong passwords and codes in a row that lock an address, and for how long.
const LOCKOUT: Lockout = Lockout { threshold: 10, lock_us: 15 * MINUTE_US };
/// A session ends when it was not used for so long, and in any case after the longer time.
const IDLE_US: i64 = 60 * MINUTE_US;
const LONGEST_US: i64 = 12 * 60 * MINUTE_US;
/// For how long a second factor is waited for.
const HALFWAY_US: i64 = 10 * MINUTE_US;
const MINUTE_US: i64 = 60_000_000;
/// What is kept of what a browser calls itself.
const AGENT_CHARACTERS: usize = 200;

/// Minutes of a lock, for people.
pub(crate) const LOCK_MINUTES: i64 = LOCKOUT.lock_us / MINUTE_US;

/// An attempt at a password that was counted.
pub(crate) struct Attempt {
    /// What the password is compared with; none: nobody may sign in by the address.
    pub(crate) password_hash: Option<String>,
    admin_id: Option<i64>,
    /// The attempts at the address with this one.
    counted: Attempts,
}

/// What becomes of a password or a code.
pub(crate) enum Outcome {
    Refused,
    Locked,
    /// The cookie of a session that waits for the second factor.
    Halfway(String),
    /// The cookie of a session.
    SignedIn(String),
}

/// Where somebody signs in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    /// What it calls itself.
    pub(crate) agent: Option<String>,
    /// The session that it had, which ends.
    pub(crate) before: Option<[u8; 32]>,
}

/// Counts an attempt at the password of an address, whether it is somebody's or not; none: the address is locked.
pub(crate) fn attempt(tx: &mut Tx<'_>, by: &By, email: &Email) -> Result<Option<Attempt>, Failure> {
    let (email_hash, tenant_id) = (sign_in_attempts::hash(email), tx.tenant_id());
    let before = sign_in_attempts::find(tx.connection(), &email_hash)?;
    if before.is_locked(by.now_us) {
        return Ok(None);
    }
    let counted = before.failed(LOCKOUT, by.now_us);
    sign_in_attempts::put(tx.connection(), &email_hash, counted, by.now_us)?;
    let admin_id = admins::by_email(tx.connection(), email)?.filter(|(tenant, _)| *tenant == tenant_id);
    let admin_id = admin_id.map(|(_, admin_id)| admin_id);
    let admin = admin_id.map(|id| admins::find(tx, id)).transpose()?.flatten().filter(|admin| !admin.disabled);
    Ok(Some(Attempt { password_hash: admin.map(|admin| admin.password_hash), admin_id, counted }))
}

/// Settles an attempt: a session where the password is right, else an event.
pub(crate) fn settle(
    tx: &mut Tx<'_>,
    by: &By,
    email: &Email,
    attempt: &Attempt,
    is_right: bool,
    browser: &Browser,
) -> Result<Outcome, Failure> {
    let admin = attempt.admin_id.map(|id| admins::find(tx, id)).transpose()?.flatten();
    let fits = |admin: &Admin| {
        is_right && !admin.disabled && attempt.password_hash.as_deref() == Some(admin.password_hash.as_str())
    };
    let Some(admin) = admin.as_ref().filter(|admin| fits(admin)) else {
        refuse(tx, by, admin.as_ref(), "wrong_password", attempt.counted)?;
        return Ok(Outcome::Refused);
    };
    let email_hash = sign_in_attempts::hash(email);
    if admin_factors::is_in_force(tx, admin.id)? {
        // Not forgotten, else whoever knows the password could guess at the code for ever.
        let now = sign_in_attempts::find(tx.connection(), &email_hash)?;
        sign_in_attempts::put(tx.connection(), &email_hash, without_one(now, attempt.counted), by.now_us)?;
        return Ok(Outcome::Halfway(begin(tx, by, admin, browser, true)?));
    }
    sign_in_attempts::put(tx.connection(), &email_hash, Attempts::NONE, by.now_us)?;
    signed_in(tx, by, admin, browser, None).map(Outcome::SignedIn)
}

/// Settles an attempt of somebody who is signed in already, and is asked for the password once more.
pub(crate) fn settle_again(
    tx: &mut Tx<'_>,
    by: &By,
    email: &Email,
    attempt: &Attempt,
    is_right: bool,
) -> Result<(), Failure> {
    if !is_right {
        let admin = attempt.admin_id.map(|id| admins::find(tx, id)).transpose()?.flatten();
        return refuse(tx, by, admin.as_ref(), "wrong_password", attempt.counted);
    }
    let email_hash = sign_in_attempts::hash(email);
    let now = sign_in_attempts::find(tx.connection(), &email_hash)?;
    Ok(sign_in_attempts::put(tx.connection(), &email_hash, without_one(now, attempt.counted), by.now_us)?)
}

/// A code of the authenticator app, or a recovery code, in a session that waits for one.
pub(crate) fn enter_code(
    tx: &mut Tx<'_>,
    sealer: &Sealer,
    by: &By,
    admin: &Admin,
    entered: &str,
    browser: &Browser,
) -> Result<Outcome, Failure> {
    let verdict = verify(tx, sealer, by, admin, Purpose::Login, entered)?;
    match verdict {
        (State::Valid, Some(factor)) => signed_in(tx, by, admin, browser, Some(factor)).map(Outcome::SignedIn),
        (State::Locked, _) => Ok(Outcome::Locked),
        _ => Ok(Outcome::Refused),
    }
}

/// The secret that waits for its first code, made if there is none; none: a second factor is in force.
pub(crate) fn pending_secret(
    tx: &mut Tx<'_>,
    sealer: &Sealer,
    by: &By,
    admin: &Admin,
) -> Result<Option<Secret>, Failure> {
    let random = zeroize::Zeroizing::new(system::random::<20>());
    let new = Secret::new(random.as_slice(), Parameters::default()).map_err(|_| Code::Internal)?;
    Ok(otp::pending(&mut AdminFactors::new(tx, sealer, admin, by.now_us), admin.id, || new)?)
}

/// The first code of a pending secret: from then on it is asked for. → the recovery codes, told once; none: it is wrong.
pub(crate) fn enrol(
    tx: &mut Tx<'_>,
    sealer: &Sealer,
    by: &By,
    admin: &Admin,
    entered: &str,
) -> Result<Option<Vec<RecoveryCode>>, Failure> {
    if verify(tx, sealer, by, admin, Purpose::Registration, entered)? != (State::Valid, Some(Factor::FirstCode)) {
        return Ok(None);
    }
    audit(tx, by, Action::OtpEnrolled, admin, (Details::new(), Details::new()))?;
    replace_recovery_codes(tx, sealer, by, admin)
}

/// Ten new recovery codes in the place of the old ones, told once; none: no second factor is in force.
pub(crate) fn replace_recovery_codes(
    tx: &mut Tx<'_>,
    sealer: &Sealer,
    by: &By,
    admin: &Admin,
) -> Result<Option<Vec<RecoveryCode>>, Failure> {
    let random: [[u8; 10]; RECOVERY_CODES] = std::array::from_fn(|_| system::random());
    let mut factors = AdminFactors::new(tx, sealer, admin, by.now_us);
    let codes = otp::replace_recovery_codes(&mut factors, admin.id, &random)?;
    if codes.is_some() {
        audit(tx, by, Action::OtpRecoveryCodesReplaced, admin, (Details::new(), Details::new()))?;
    }
    Ok(codes)
}

/// What a cookie says of the browser that brings it.
pub(crate) struct Standing {
    pub(crate) session: AdminSession,
    pub(crate) admin: Admin,
}

/// The session of a cookie, if it has not ended, with its login, if that may be used.
pub(crate) fn standing(tx: &mut Tx<'_>, token_hash: &[u8; 32], now_us: i64) -> Result<Option<Standing>, Failure> {
    let session = admin_sessions::find(tx, token_hash)?.filter(|session| session.expires_at_us > now_us);
    let Some(session) = session else { return Ok(None) };
    let admin = admins::find(tx, session.admin_id)?.filter(|admin| !admin.disabled);
    Ok(admin.map(|admin| Standing { session, admin }))
}

/// Whether the use of a session is to be noted: to the minute, so that looking around writes little.
pub(crate) fn is_stale(session: &AdminSession, now_us: i64) -> bool {
    !session.halfway && now_us.saturating_sub(session.used_at_us) > MINUTE_US
}

/// Notes that a session is used.
pub(crate) fn touch(tx: &mut Tx<'_>, by: &By, session: &AdminSession) -> Result<(), Failure> {
    Ok(admin_sessions::touch(tx, &session.token_hash, by.now_us, ends_at(session.created_at_us, by.now_us))?)
}

/// Begins a session in the place of another of the same browser, after what makes every old cookie void; → the cookie.
pub(crate) fn renew(tx: &mut Tx<'_>, by: &By, admin: &Admin, browser: &Browser) -> Result<String, Failure> {
    begin(tx, by, admin, browser, false)
}

/// Ends a session of the login; false if it has none of that hash.
pub(crate) fn end(tx: &mut Tx<'_>, by: &By, admin: &Admin, token_hash: &[u8; 32]) -> Result<bool, Failure> {
    let is_its = admin_sessions::find(tx, token_hash)?.is_some_and(|session| session.admin_id == admin.id);
    if is_its {
        admin_sessions::remove(tx, token_hash)?;
        audit(tx, by, Action::AdminSignedOut, admin, (Details::new(), Details::new()))?;
    }
    Ok(is_its)
}

/// Ends every session of the login but one; → how many.
pub(crate) fn end_all_but(tx: &mut Tx<'_>, by: &By, admin: &Admin, this: &[u8; 32]) -> Result<usize, Failure> {
    let mut ended = 0;
    for session in admin_sessions::of_admin(tx, admin.id, by.now_us)? {
        if session.token_hash != *this {
            end(tx, by, admin, &session.token_hash)?;
            ended += 1;
        }
    }
    Ok(ended)
}

/// The tenant of a cookie, which stands in front of it, and what it is found by.
pub(crate) fn read_token(token: &str) -> Option<(i64, [u8; 32])> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (tenant, secret) = bytes.split_first_chunk::<8>()?;
    (secret.len() == 32).then(|| (i64::from_be_bytes(*tenant), Sha256::digest(token.as_bytes()).into()))
}

fn verify(
    tx: &mut Tx<'_>,
    sealer: &Sealer,
    by: &By,
    admin: &Admin,
    purpose: Purpose,
    entered: &str,
) -> Result<(State, Option<Factor>), Failure> {
    let subject = Subject { user_id: admin.id, is_active: !admin.disabled, is_admitted: true, bypasses: false };
    let policy = AppPolicy { app_id: 0, allows_bypass: false, lockout: LOCKOUT, monthly_limit: None };
    let mut factors = AdminFactors::new(tx, sealer, admin, by.now_us);
    let verdict = otp::verify(&mut factors, Some(&subject), &policy, purpose, entered, by.now_us)?;
    if verdict.is_guess {
        let counted = verdict.locked_until_us.map_or(Attempts::NONE, |until_us| Attempts::Locked { until_us });
        refuse(tx, by, Some(admin), "wrong_code", counted)?;
    }
    Ok((verdict.state, verdict.factor))
}

/// Audits a wrong password or code, and the lock that it has led to. One at an address that is nobody's is audited as
/// well, so that it takes as long.
fn refuse(
    tx: &mut Tx<'_>,
    by: &By,
    admin: Option<&Admin>,
    reason: &'static str,
    counted: Attempts,
) -> Result<(), Failure> {
    let mut event = By { actor: Actor::System, ..by.clone() }.event(Action::SignInRefused, None);
    event.target = admin.map(target);
    event.reason = Some(if admin.is_some() { reason } else { "unknown_email" }.into());
    tx.append(event)?;
    if let (Attempts::Locked { until_us }, Some(admin)) = (counted, admin) {
        let by = By { actor: Actor::System, ..by.clone() };
        let locked = Details::new().with(Field::LockedUntilUs, until_us);
        audit(tx, &by, Action::AdminLocked, admin, (Details::new(), locked))?;
    }
    Ok(())
}

/// The attempts without one that turned out right.
fn without_one(now: Attempts, counted: Attempts) -> Attempts {
    match now {
        Attempts::Open { failures } => Attempts::Open { failures: failures.saturating_sub(1) },
        // This one has locked it.
        Attempts::Locked { .. } if now == counted => Attempts::Open { failures: LOCKOUT.threshold.saturating_sub(1) },
        Attempts::Locked { .. } => now,
    }
}

fn signed_in(
    tx: &mut Tx<'_>,
    by: &By,
    admin: &Admin,
    browser: &Browser,
    factor: Option<Factor>,
) -> Result<String, Failure> {
    let cookie = begin(tx, by, admin, browser, false)?;
    admins::update(tx, &Admin { signed_in_at_us: Some(by.now_us), ..admin.clone() })?;
    let by = By { actor: Actor::Operator(admin.email.as_str().to_owned()), ..by.clone() };
    let after = match factor {
        Some(Factor::RecoveryCode) => Details::new().with(Field::Kind, "recovery_code"),
        _ => Details::new(),
    };
    audit(tx, &by, Action::AdminSignedIn, admin, (Details::new(), after))?;
    Ok(cookie)
}

/// A new session under a new name, and the end of the one that the browser had: a cookie that was known to others before
/// somebody signed in opens nothing.
fn begin(tx: &mut Tx<'_>, by: &By, admin: &Admin, browser: &Browser, halfway: bool) -> Result<String, Failure> {
    if let Some(before) = &browser.before {
        admin_sessions::remove(tx, before)?;
    }
    let tenant = tx.tenant_id().to_be_bytes();
    let token = URL_SAFE_NO_PAD.encode([tenant.as_slice(), &system::random::<32>()].concat());
    let agent = browser
        .agent
        .as_deref()
        .map(|agent| agent.chars().filter(|letter| !letter.is_control()).take(AGENT_CHARACTERS).collect());
    let expires_at_us = if halfway { by.now_us.saturating_add(HALFWAY_US) } else { ends_at(by.now_us, by.now_us) };
    let session = AdminSession {
        token_hash: Sha256::digest(token.as_bytes()).into(),
        admin_id: admin.id,
        halfway,
        created_at_us: by.now_us,
        used_at_us: by.now_us,
        expires_at_us,
        address: by.address.clone(),
        agent,
    };
    admin_sessions::insert(tx, &session)?;
    Ok(token)
}

fn ends_at(created_at_us: i64, used_at_us: i64) -> i64 {
    created_at_us.saturating_add(LONGEST_US).min(used_at_us.saturating_add(IDLE_US))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_password_takes_back_its_own_attempt_and_no_other() {
        let open = |failures| Attempts::Open { failures };
        let locked = |until_us| Attempts::Locked { until_us };
        for (now, counted, after) in [
            (open(1), open(1), open(0)),
            (open(7), open(3), open(6)),
            (locked(5), locked(5), open(9)),
            (locked(6), locked(5), locked(6)),
            (locked(6), open(3), locked(6)),
        ] {
            assert_eq!(without_one(now, counted), after, "{now:?} {counted:?}");
        }
    }

    #[test]
    fn a_session_ends_an_hour_after_its_last_use_and_never_after_twelve() {
        assert_eq!(ends_at(0, 0), IDLE_US);
        assert_eq!(ends_at(0, LONGEST_US - MINUTE_US), LONGEST_US);
    }

    #[test]
    fn a_cookie_says_whose_it_is_and_nothing_else_is_one() {
        let token = URL_SAFE_NO_PAD.encode([7_i64.to_be_bytes().as_slice(), &[9; 32]].concat());
        let (tenant_id, hash) = read_token(&token).unwrap();
        assert_eq!((tenant_id, hash), (7, Sha256::digest(token.as_bytes()).into()));
        for wrong in ["", "x", token.trim_start_matches('A'), &format!("{token}AA"), &format!("{token}=")] {
            assert!(read_token(wrong).is_none(), "{wrong}");
        }
    }
}
