//! `osaycore user permit`

use std::str::FromStr;

use clap::Args;
use osaycore_directory::{AppRef, Custom, ExternalId, ParseError, PermitChange, Rate, Scope, Scopes, UserRef};

use super::Usage;
use super::session::{self, Session};
use crate::admin::users;
use crate::admin::views::PermitView;

#[derive(Args)]
pub(super) struct Permit {
    /// UUID, numeric id, directory\username or username
    user: UserRef,
    /// UUID or numeric id
    app: AppRef,
    /// Whether the user may use the app
    #[arg(long, value_name = "BOOL")]
    can_use: Option<bool>,
    /// Credits per unit for this user
    #[arg(long, value_name = "RATE")]
    credit_rate: Option<Rate>,
    /// Replaces the scopes; repeat for several; `none` takes all away
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<ScopeOrNone>,
    /// Replaces the app's own permissions: a JSON object
    #[arg(long, value_name = "JSON")]
    custom: Option<Custom>,
    /// What the app calls the user
    #[arg(long)]
    external_id: Option<ExternalId>,
}

impl Permit {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<()> {
        let scopes = if self.scopes.is_empty() {
            None
        } else {
            let named: Vec<Scope> = self.scopes.iter().filter_map(|scope| scope.0.clone()).collect();
            if named.len() != self.scopes.len() && !named.is_empty() {
                return Err(Usage("--scope none stands alone").into());
            }
            Some(named.into_iter().collect::<Scopes>())
        };
        let change = PermitChange {
            external_id: self.external_id,
            can_use: self.can_use,
            credit_rate: self.credit_rate,
            scopes,
            custom: self.custom,
        };
        let view = session.write(|tx, by| {
            let user = session::user(tx, &self.user)?;
            let app = session::app(tx, self.app)?;
            let permit = users::permit(tx, by, &user, app.id, change.clone())?;
            Ok(PermitView::of(&app, &permit))
        })?;
        session.output.show(&view, || view.to_text())
    }
}

/// A scope, or the word that stands for an empty list of them.
#[derive(Clone, Debug)]
struct ScopeOrNone(Option<Scope>);

impl FromStr for ScopeOrNone {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text == "none" { Ok(Self(None)) } else { text.parse().map(|scope| Self(Some(scope))) }
    }
}
