//! Second factors of users: asked about, verified, reset.

use osaycore_audit::{Action, Details, Field, Log as _, Target, TargetKind};
use osaycore_directory::{App, Permit, PermitChange, Storage as _, TotpAlgorithm, User, UserStatus};
use osaycore_otp::{
    self as otp, Algorithm, AppPolicy, Credential, Factor, Lockout, Parameters, Purpose, RECOVERY_CODES, RecoveryCode,
    Secret, State, Storage as _, Subject, Verdict,
};

use super::{By, users};
use crate::error::{Code, Failure};
use crate::sealing::Sealer;
use crate::store::otp::{self as factors, Factors};
use crate::store::tx::Tx;
use crate::store::{enrollments, outbox};
use crate::system;

/// An app that asks about a user's second factor.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) app: &'a App,
    /// The tenant's limit of distinct users in a month.
    pub(crate) monthly_limit: Option<i64>,
    pub(crate) by: &'a By,
    pub(crate) sealer: &'a Sealer,
}

impl Asking<'_> {
    /// The user's state; with it the pending secret where somebody who may enrol asks for it, made if there is none.
    pub(crate) fn state(
        self,
        tx: &mut Tx<'_>,
        user: Option<&User>,
        purpose: Purpose,
    ) -> Result<(State, Option<Secret>), Failure> {
        let subject = self.subject(tx, user)?;
        let mut factors = Factors::new(tx, self.sealer);
        let state = otp::state_of(&mut factors, subject.as_ref(), &self.policy(), purpose, self.by.now_us)?;
        let secret = match (state, purpose, user) {
            (State::PendingEnrollment, Purpose::Registration, Some(user)) => {
                let new = new_secret(self.app)?;
                let mut is_new = false;
                let secret = otp::pending(&mut factors, user.id, || {
                    is_new = true;
                    new
                })?;
                if is_new {
                    self.audit(tx, Action::OtpEnrollmentStarted, user, None)?;
                }
                secret
            }
            _ => None,
        };
        if let (State::SkipAuthentication, Some(user)) = (state, user) {
            self.audit(tx, Action::OtpBypassed, user, None)?;
        }
        Ok((state, secret))
    }

    /// Checks an entered code. Who passes is linked to the app; who passes for the first time has enrolled.
    pub(crate) fn verify(
        self,
        tx: &mut Tx<'_>,
        user: Option<&User>,
        purpose: Purpose,
        entered: &str,
    ) -> Result<Verdict, Failure> {
        let (subject, policy) = (self.subject(tx, user)?, self.policy());
        let mut factors = Factors::new(tx, self.sealer);
        let verdict = otp::verify(&mut factors, subject.as_ref(), &policy, purpose, entered, self.by.now_us)?;
        let Some(user) = user else { return Ok(verdict) };
        if let Some(factor) = verdict.factor {
            if factor == Factor::FirstCode {
                close_link(tx, user)?;
            }
            if tx.permit(user.id, self.app.id)?.is_none() {
                users::permit(tx, self.by, user, self.app.id, PermitChange::default()).map(|_: Permit| ())?;
            }
        }
        self.audit_verdict(tx, user, verdict)?;
        Ok(verdict)
    }

    /// Begins the enrolment of a user who has not enrolled: a new secret, which voids the one before it and its link.
    pub(crate) fn start(self, tx: &mut Tx<'_>, user: &User) -> Result<Secret, Failure> {
        let mut factors = Factors::new(tx, self.sealer);
        if factors.credential(user.id)?.is_some_and(|credential| credential.is_active()) {
            return Err(Code::AlreadyEnrolled.into());
        }
        let secret = new_secret(self.app)?;
        factors.put_credential(user.id, &Credential::Pending(secret.clone()))?;
        close_link(tx, user)?;
        self.audit(tx, Action::OtpEnrollmentStarted, user, None)?;
        Ok(secret)
    }

    fn subject(self, tx: &mut Tx<'_>, user: Option<&User>) -> Result<Option<Subject>, Failure> {
        let Some(user) = user else { return Ok(None) };
        Ok(Some(Subject {
            user_id: user.id,
            is_active: user.status == UserStatus::Active,
            is_admitted: !self.app.settings.restrict_to_groups || tx.shares_group(user.id, self.app.id)?,
            bypasses: user.bypass_otp,
        }))
    }

    fn policy(self) -> AppPolicy {
        let settings = &self.app.settings;
        AppPolicy {
            app_id: self.app.id,
            allows_bypass: settings.allow_bypass,
            lockout: Lockout {
                threshold: settings.lockout_threshold,
                lock_us: i64::from(settings.lockout_seconds).saturating_mul(1_000_000),
            },
            monthly_limit: self.monthly_limit,
        }
    }

    fn audit_verdict(self, tx: &mut Tx<'_>, user: &User, verdict: Verdict) -> Result<(), Failure> {
        match verdict.factor {
            Some(Factor::FirstCode) => self.audit(tx, Action::OtpEnrolled, user, None)?,
            Some(Factor::Code) => self.audit(tx, Action::OtpVerified, user, None)?,
            Some(Factor::RecoveryCode) => {
                let by_recovery_code = Details::new().with(Field::Kind, "recovery_code");
                self.audit(tx, Action::OtpVerified, user, Some(by_recovery_code))?;
            }
            // Not what is sent twice, or is no code at all: whoever may ask could fill the trail with that.
            None if verdict.state == State::Invalid && !verdict.is_guess => {}
            None => {
                let mut event = self.by.event(Action::OtpRefused, Some(user.id));
                event.target = Some(target(user));
                event.reason = Some(verdict.state.as_str().into());
                tx.append(event)?;
            }
        }
        if let Some(until_us) = verdict.locked_until_us {
            self.audit(tx, Action::UserLocked, user, Some(Details::new().with(Field::LockedUntilUs, until_us)))?;
        }
        Ok(())
    }

    fn audit(self, tx: &mut Tx<'_>, action: Action, user: &User, after: Option<Details>) -> Result<(), Failure> {
        let mut event = self.by.event(action, Some(user.id));
        // A link's page asks for the app, by the user.
        event.app_id = Some(self.app.id);
        event.target = Some(target(user));
        event.after = after.unwrap_or_default();
        tx.append(event)?;
        Ok(())
    }
}

/// Gives an enrolled user ten new recovery codes, which are told once, in the place of the old ones; none: not enrolled.
pub(crate) fn replace_recovery_codes(
    tx: &mut Tx<'_>,
    sealer: &Sealer,
    by: &By,
    user: &User,
) -> Result<Option<Vec<RecoveryCode>>, Failure> {
    let random: [[u8; 10]; RECOVERY_CODES] = std::array::from_fn(|_| system::random());
    let codes = otp::replace_recovery_codes(&mut Factors::new(tx, sealer), user.id, &random)?;
    if codes.is_some() {
        event(tx, by, Action::OtpRecoveryCodesReplaced, user)?;
    }
    Ok(codes)
}

/// Takes the user's second factor away, so that the user has to enrol anew; false if there was none.
pub(crate) fn reset(tx: &mut Tx<'_>, sealer: &Sealer, by: &By, user: &User) -> Result<bool, Failure> {
    close_link(tx, user)?;
    let had_one = otp::reset(&mut Factors::new(tx, sealer), user.id)?;
    if had_one {
        event(tx, by, Action::OtpReset, user)?;
    }
    Ok(had_one)
}

/// Ends the locks of a user in every app, and forgets the wrong codes; false if there was nothing to forget.
pub(crate) fn unlock(tx: &mut Tx<'_>, by: &By, user: &User) -> Result<bool, Failure> {
    let cleared = factors::clear_attempts(tx, user.id)?;
    if cleared {
        event(tx, by, Action::UserUnlocked, user)?;
    }
    Ok(cleared)
}

/// What an authenticator app shows as the issuer: the name of the user's directory, else the app's.
pub(crate) fn issuer<'a>(app: &'a App, user: &'a User) -> &'a str {
    user.directory.as_ref().unwrap_or(&app.name).as_str()
}

/// Voids the link that was mailed, and the mail if it was not sent yet.
pub(crate) fn close_link(tx: &mut Tx<'_>, user: &User) -> Result<(), Failure> {
    enrollments::remove(tx, user.id)?;
    outbox::remove_of_user(tx, user.id)?;
    Ok(())
}

/// A secret as the app has set it.
fn new_secret(app: &App) -> Result<Secret, Failure> {
    let settings = &app.settings;
    let algorithm = match settings.totp_algorithm {
        TotpAlgorithm::Sha1 => Algorithm::Sha1,
        TotpAlgorithm::Sha256 => Algorithm::Sha256,
        TotpAlgorithm::Sha512 => Algorithm::Sha512,
        _ => return Err(Code::Internal.into()),
    };
    let random = zeroize::Zeroizing::new(system::random::<64>());
    let seed = random.get(..algorithm.seed_bytes()).unwrap_or_default();
    // The ranges of the settings are those of the parameters.
    let parameters =
        Parameters::new(algorithm, settings.totp_digits, settings.totp_period).map_err(|_| Code::Internal)?;
    Ok(Secret::new(seed, parameters).map_err(|_| Code::Internal)?)
}

fn event(tx: &mut Tx<'_>, by: &By, action: Action, user: &User) -> Result<(), Failure> {
    let mut event = by.event(action, Some(user.id));
    event.target = Some(target(user));
    tx.append(event)?;
    Ok(())
}

fn target(user: &User) -> Target {
    Target::new(TargetKind::User, user.uuid.to_string())
}
