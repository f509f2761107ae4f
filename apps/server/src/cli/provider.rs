//! `osaycore provider`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{ArgGroup, Args, Subcommand};
use osaycore_directory::ProviderName;
use serde::Serialize;
use zeroize::Zeroizing;

use super::output::{optional, table};
use super::session::Session;
use crate::admin::providers::{self, NewProvider};
use crate::oauth::provider::Kind;
use crate::store::providers::{ProviderKind, StoredProvider};

#[derive(Subcommand)]
pub(super) enum Provider {
    /// Add a provider that people sign in by, or replace one
    Set(Set),
    /// List the providers
    List,
    /// Remove a provider; whoever signed in by it keeps the account
    Remove {
        /// As it was set
        name: ProviderName,
    },
}

#[derive(Args)]
#[command(group = ArgGroup::new("which").required(true).args(["issuer", "preset"]))]
pub(super) struct Set {
    /// In the path of the callback, 1 to 32 of a-z 0-9 _ -
    name: ProviderName,
    /// What the provider calls this deployment
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// A file with the secret that came with the id
    #[arg(long, value_name = "FILE")]
    client_secret_file: PathBuf,
    /// An issuer of OpenID Connect, found by discovery
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// `google` or `github`
    #[arg(long, value_name = "PRESET")]
    preset: Option<String>,
    /// What to ask for in the place of the usual; repeat for several
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// It is at a private address, or without TLS: for development, and for a provider of your own network
    #[arg(long)]
    private_network: bool,
}

/// A provider as it is listed; the secret is not told.
#[derive(Serialize)]
struct Row {
    name: String,
    kind: &'static str,
    issuer: Option<String>,
    client_id: String,
    scopes: Vec<String>,
    private_network: bool,
}

impl Provider {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Set(set) => set.run(session),
            Self::List => {
                let rows: Vec<Row> = session.write_sealed(providers::list_for)?.into_iter().map(Row::of).collect();
                session.output.show(&rows, || {
                    let cells = |row: &Row| {
                        vec![
                            row.name.clone(),
                            row.kind.to_owned(),
                            optional(row.issuer.as_ref()),
                            row.client_id.clone(),
                        ]
                    };
                    table(&["name", "kind", "issuer", "client"], &rows.iter().map(cells).collect::<Vec<_>>())
                })
            }
            Self::Remove { name } => {
                let removed = session.write(|tx, by| providers::remove(tx, by, &name))?;
                session.output.show(&serde_json::json!({ "changed": removed }), || {
                    let already = if removed { "" } else { ", as before" };
                    format!("there is no provider {name}{already}")
                })
            }
        }
    }
}

impl Set {
    fn run(self, session: &Session) -> anyhow::Result<()> {
        let file = &self.client_secret_file;
        let secret = std::fs::read_to_string(file).with_context(|| format!("client secret file {}", file.display()))?;
        let secret = Zeroizing::new(secret.trim().to_owned());
        let kind = match (&self.issuer, &self.preset) {
            (Some(issuer), _) => Kind::open_id(issuer)?,
            (None, Some(preset)) => Kind::preset(preset)?,
            (None, None) => anyhow::bail!("say --issuer or --preset"),
        };
        let new = NewProvider {
            name: self.name,
            kind,
            client_id: self.client_id,
            client_secret: Some(secret),
            scopes: self.scopes,
            private_network: self.private_network,
        };
        let stored = session.write_sealed(|tx, by, sealer| providers::set(tx, sealer, by, &new))?;
        let row = Row::of(stored);
        session.output.show(&row, || format!("provider {} is set; servers know it within a second", row.name))?;
        session
            .output
            .note(&format!("register this redirect URI there: <public URL>/api/auth/oauth/callback/{}", row.name));
        Ok(())
    }
}

impl Row {
    fn of(provider: StoredProvider) -> Self {
        let (kind, issuer) = match provider.kind {
            ProviderKind::OpenId { issuer } => ("openid", Some(issuer)),
            ProviderKind::GitHub => ("github", None),
        };
        Self {
            name: provider.name.into(),
            kind,
            issuer,
            client_id: provider.client_id,
            scopes: provider.scopes.split_whitespace().map(str::to_owned).collect(),
            private_network: provider.private_network,
        }
    }
}
