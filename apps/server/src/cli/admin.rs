//! `osaycore admin`

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{ArgGroup, Args, Subcommand};
use osaycore_directory::Email;
use serde::Serialize;
use zeroize::Zeroizing;

use super::output::{fields, optional, table, timestamp};
use super::session::Session;
use crate::admin::admins::{self, AdminRef, NewAdmin};
use crate::error::Failure;
use crate::passwords;
use crate::store::admin_factors;
use crate::store::admins::{Admin as Stored, Role};
use crate::store::tx::Tx;

#[derive(Subcommand)]
pub(super) enum Admin {
    /// Make a console login; prints a password if none is given
    Create {
        /// Who signs in with it; unique in the deployment
        #[arg(long)]
        email: Email,
        /// `owner`, `admin` or `viewer`
        #[arg(long, default_value = "owner")]
        role: Role,
        /// A file with the password, 12 characters or more
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// List the console logins
    List,
    /// Change what a console login may do; whoever is signed in by it is signed out
    Set(Set),
    /// Give a console login another password; prints one if none is given
    ResetPassword {
        /// E-mail address or numeric id
        admin: AdminRef,
        /// A file with the password, 12 characters or more
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Take a console login's second factor away, with the recovery codes
    ResetOtp {
        /// E-mail address or numeric id
        admin: AdminRef,
    },
}

#[derive(Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true).args(["role", "disabled"]))]
pub(super) struct Set {
    /// E-mail address or numeric id
    admin: AdminRef,
    /// `owner`, `admin` or `viewer`
    #[arg(long)]
    role: Option<Role>,
    /// Nobody may sign in with it
    #[arg(long, value_name = "BOOL")]
    disabled: Option<bool>,
}

#[derive(Serialize)]
struct Row {
    admin_id: i64,
    email: String,
    role: &'static str,
    disabled: bool,
    second_factor: bool,
    created_at: String,
    signed_in_at: Option<String>,
    /// One that was made here.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

impl Admin {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Create { email, role, password_file } => {
                let password = Password::of(password_file.as_deref(), email.as_str())?;
                let new = NewAdmin { email, role, password_hash: passwords::hash(&password.text)? };
                let row = session.write(|tx, by| {
                    let admin = admins::create(tx, by, &new)?;
                    Row::of(tx, &admin)
                })?;
                show_with_password(session, row, &password)
            }
            Self::List => {
                let rows = session.read(|tx| {
                    let all = crate::store::admins::list(tx)?;
                    all.iter().map(|admin| Row::of(tx, admin)).collect::<Result<Vec<_>, Failure>>()
                })?;
                session.output.show(&rows, || {
                    let header = ["id", "email", "role", "disabled", "second factor", "last sign-in"];
                    table(&header, &rows.iter().map(Row::cells).collect::<Vec<_>>())
                })
            }
            Self::Set(set) => {
                let row = session.write(|tx, by| {
                    let admin = admins::find(tx, &set.admin)?;
                    let admin = admins::set(tx, by, &admin, set.role, set.disabled)?;
                    Row::of(tx, &admin)
                })?;
                session.output.show(&row, || row.to_text())
            }
            Self::ResetPassword { admin, password_file } => {
                let known = session.read(|tx| admins::find(tx, &admin))?;
                let password = Password::of(password_file.as_deref(), known.email.as_str())?;
                let hash = passwords::hash(&password.text)?;
                let row = session.write(|tx, by| {
                    let known = admins::find(tx, &admin)?;
                    let changed = admins::set_password(tx, by, &known, hash.clone())?;
                    Row::of(tx, &changed)
                })?;
                show_with_password(session, row, &password)
            }
            Self::ResetOtp { admin } => {
                let (had_one, known) = session.write_sealed(|tx, by, sealer| {
                    let known = admins::find(tx, &admin)?;
                    Ok((admins::reset_otp(tx, sealer, by, &known)?, known))
                })?;
                session.output.show(&serde_json::json!({ "changed": had_one }), || {
                    let done = if had_one { "the second factor of {} is removed" } else { "{} had no second factor" };
                    done.replace("{}", known.email.as_str())
                })
            }
        }
    }
}

/// A password that was given, or made here.
struct Password {
    text: Zeroizing<String>,
    is_made: bool,
}

impl Password {
    fn of(file: Option<&Path>, email: &str) -> anyhow::Result<Self> {
        let Some(file) = file else { return Ok(Self { text: passwords::generate(), is_made: true }) };
        let text = std::fs::read_to_string(file).with_context(|| format!("password file {}", file.display()))?;
        // An editor ends the last line.
        let text = Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned());
        passwords::check(&text, email).map_err(|unfit| anyhow::anyhow!("the password {unfit}"))?;
        Ok(Self { text, is_made: false })
    }
}

fn show_with_password(session: &Session, row: Row, password: &Password) -> anyhow::Result<()> {
    let row = Row { password: password.is_made.then(|| password.text.to_string()), ..row };
    session.output.show(&row, || row.to_text())?;
    if password.is_made {
        session.output.note("the password is shown this once; another is set on the console's page Profile");
    }
    Ok(())
}

impl Row {
    fn of(tx: &mut Tx<'_>, admin: &Stored) -> Result<Self, Failure> {
        Ok(Self {
            admin_id: admin.id,
            email: admin.email.as_str().to_owned(),
            role: admin.role.as_str(),
            disabled: admin.disabled,
            second_factor: admin_factors::is_in_force(tx, admin.id)?,
            created_at: timestamp(admin.created_at_us),
            signed_in_at: admin.signed_in_at_us.map(timestamp),
            password: None,
        })
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.admin_id.to_string(),
            self.email.clone(),
            self.role.to_owned(),
            self.disabled.to_string(),
            self.second_factor.to_string(),
            optional(self.signed_in_at.as_ref()),
        ]
    }

    fn to_text(&self) -> String {
        let mut pairs = vec![
            ("admin_id", self.admin_id.to_string()),
            ("email", self.email.clone()),
            ("role", self.role.to_owned()),
            ("disabled", self.disabled.to_string()),
        ];
        if let Some(password) = &self.password {
            pairs.push(("password", password.clone()));
        }
        fields(&pairs)
    }
}
