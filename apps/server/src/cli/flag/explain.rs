//! `osaycore flag explain`

use std::path::Path;

use anyhow::Context as _;
use clap::Args;
use osaycore_directory::{App, AppRef, Storage as _, User, UserRef, effective, user_by_api_id};
use osaycore_flags::{Context, Explanation, Key, RedactedExplanation};
use osaycore_ledger::Storage as _;
use serde_json::{Map, Value};

use super::explanation::{redacted, whole};
use super::file;
use crate::admin::flags;
use crate::cli::Usage;
use crate::cli::session::{self, Session};
use crate::context::{FlagContext, Given, Layers, Remembering};
use crate::error::{ApiError, Code, Failure};
use crate::store::tx::Tx;
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
        let given = self.context.as_deref().map(object).transpose()?.map(|given| Given::about(&self.user, given));
        let reference = self.user.parse::<UserRef>().ok();
        if reference.is_none() && given.is_none() {
            return Err(Usage("USER is a UUID, numeric id, directory\\username, username or external id").into());
        }
        session.read(|tx| {
            let app = session::app(tx, self.app)?;
            let Some(given) = &given else {
                let user = reference.as_ref().map(|reference| session::user(tx, reference)).transpose()?;
                return self.of_user(session, tx, &app, &user.ok_or(Code::UserNotFound)?, None);
            };
            let is_there = |user: &User| !user.is_deleted();
            // Whom OpenFeature's clients would mean by it comes first.
            let meant = match (user_by_api_id(tx, app.id, &self.user)?, &reference) {
                (None, Some(reference)) => session::find_user(tx, reference)?.filter(is_there),
                (known, _) => known,
            };
            if let Some(user) = meant {
                return self.of_user(session, tx, &app, &user, Some(given));
            }
            session.output.note(&format!("there is no user {}: explained of a stranger with that id", self.user));
            self.of_unit(session, tx, &app, &self.user, &Layers::new(None, given, app.uuid.to_string()))
        })?
    }

    fn of_user(
        &self,
        session: &Session,
        tx: &mut Tx<'_>,
        app: &App,
        user: &User,
        given: Option<&Given>,
    ) -> Result<anyhow::Result<()>, Failure> {
        let permit = tx.permit(user.id, app.id)?;
        let shares_group = app.settings.restrict_to_groups && tx.shares_group(user.id, app.id)?;
        let effective = effective(app, permit.as_ref(), shares_group);
        let groups = tx.group_names(user.id)?;
        let account = tx.account(user.id)?.ok_or(Code::UserNotFound)?;
        let stored = FlagContext::new(user, permit.as_ref(), &effective, &groups, &account).in_app(app.uuid);
        let unit = user.uuid.to_string();
        match given {
            None => self.of_unit(session, tx, app, &unit, &stored),
            Some(given) => {
                self.of_unit(session, tx, app, &unit, &Layers::new(Some(stored), given, app.uuid.to_string()))
            }
        }
    }

    fn of_unit(
        &self,
        session: &Session,
        tx: &mut Tx<'_>,
        app: &App,
        unit: &str,
        attributes: &impl Context,
    ) -> Result<anyhow::Result<()>, Failure> {
        let (set, assigned) = flags::served(tx, app, unit)?;
        let context = Remembering { attributes, assigned: &assigned };
        let Some(explanation) = set.explain(self.key.as_str(), &context, system::now_us()) else {
            let missing = format!("app {} has no active flag {}", app.name, self.key);
            return Err(ApiError::from(Code::NotFound).detail(missing).into());
        };
        let output = session.output;
        Ok(if self.redacted {
            let explanation: RedactedExplanation<'_> = explanation.redacted();
            output.show(&explanation, || redacted(&explanation))
        } else {
            let explanation: Explanation<'_> = explanation;
            output.show(&explanation, || whole(&explanation))
        })
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
