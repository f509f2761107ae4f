//! `osaycore otp`

use anyhow::Context as _;
use clap::Subcommand;
use osaycore_directory::{User, UserRef};

use super::session::{self, Session};
use crate::admin::otp;
use crate::error::{ApiError, Failure};

#[derive(Subcommand)]
pub(super) enum Otp {
    /// Give a user ten new recovery codes in the place of the old ones; prints them, once
    RecoveryCodes {
        /// UUID, numeric id, directory\username or username
        user: UserRef,
    },
    /// Take a user's second factor away, with the recovery codes: the user enrols anew
    Reset {
        /// UUID, numeric id, directory\username or username
        user: UserRef,
    },
}

impl Otp {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::RecoveryCodes { user } => recovery_codes(session, &user),
            Self::Reset { user } => {
                let (had_one, user) = session.write_sealed(|tx, by, sealer| {
                    let user = live(session::user(tx, &user)?)?;
                    Ok((otp::reset(tx, sealer, by, &user)?, user))
                })?;
                session.output.show(&serde_json::json!({ "changed": had_one }), || {
                    let done = if had_one { "the second factor of {} is removed" } else { "{} had no second factor" };
                    done.replace("{}", user.username.as_str())
                })
            }
        }
    }
}

fn recovery_codes(session: &Session, user: &UserRef) -> anyhow::Result<()> {
    let (codes, user) = session.write_sealed(|tx, by, sealer| {
        let user = live(session::user(tx, user)?)?;
        Ok((otp::replace_recovery_codes(tx, sealer, by, &user)?, user))
    })?;
    let codes =
        codes.with_context(|| format!("user {} has not enrolled: there is nothing to recover", user.username))?;
    let codes: Vec<String> = codes.iter().map(|code| code.to_text().to_string()).collect();
    session.output.show(&serde_json::json!({ "recovery_codes": codes }), || codes.join("\n"))?;
    session.output.note("each is good once; the ones before are void. They are shown this once");
    Ok(())
}

fn live(user: User) -> Result<User, Failure> {
    if user.is_deleted() {
        return Err(ApiError::from(osaycore_directory::Refused::Deleted).into());
    }
    Ok(user)
}
