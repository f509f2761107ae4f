//! `osaycore flag explain`

use std::path::Path;

use anyhow::Context as _;
use clap::Args;
use osaycore_directory::{AppRef, UserRef};
use osaycore_flags::{Explanation, Key, RedactedExplanation};
use serde_json::{Map, Value};

use super::explanation::{redacted, whole};
use super::file;
use crate::admin::flags::{self, Somebody};
use crate::cli::Usage;
use crate::cli::session::{self, Session};
use crate::system;

#[derive(Args)]
pub(crate) struct Explain {
    /// The flag
    key: Key,
    /// UUID, numeric id, directory\username, username or external id; with `--context` anyone's id
    user: String,
    /// In this app
    #[arg(long)]
    app: AppRef,
    /// Further attributes: a JSON object, or a file with one; those that are stored win
    #[arg(long, value_name = "FILE|JSON")]
    context: Option<String>,
    /// What a client may know of it: nothing of attributes, conditions and percentages
    #[arg(long)]
    redacted: bool,
}

impl Explain {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<()> {
        let given = self.context.as_deref().map(object).transpose()?;
        if given.is_none() && self.user.parse::<UserRef>().is_err() {
            return Err(Usage("USER is a UUID, numeric id, directory\\username, username or external id").into());
        }
        let somebody = Somebody { id: self.user.clone(), given };
        session.read(|tx| {
            let app = session::app(tx, self.app)?;
            let show = |explanation: &Explanation<'_>, is_user: bool| {
                if !is_user {
                    let id = &self.user;
                    session.output.note(&format!("there is no user {id}: explained of a stranger with that id"));
                }
                self.show(session, explanation)
            };
            flags::explain(tx, &app, &self.key, &somebody, system::now_us(), show)
        })?
    }

    fn show(&self, session: &Session, explanation: &Explanation<'_>) -> anyhow::Result<()> {
        if self.redacted {
            let explanation: RedactedExplanation<'_> = explanation.redacted();
            session.output.show(&explanation, || redacted(&explanation))
        } else {
            session.output.show(explanation, || whole(explanation))
        }
    }
}

/// A JSON object, or that of a file.
fn object(text: &str) -> anyhow::Result<Map<String, Value>> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).context("--context: not a JSON object");
    }
    let path = Path::new(text);
    serde_json::from_str(&file::text(path)?).with_context(|| format!("{}: not a JSON object", path.display()))
}
