//! `osaycore tenant`

use clap::Subcommand;
use osaycore_directory::Name;
use serde::Serialize;

use super::output::{fields, optional, table, timestamp};
use super::session::Session;
use crate::admin::tenants;
use crate::store;

#[derive(Subcommand)]
pub(super) enum Tenant {
    /// Create a tenant; prints its API key
    Create {
        /// Unique in the deployment
        #[arg(long)]
        name: Name,
    },
    /// List all tenants
    List,
    /// Replace the API key of the tenant at once; prints the new one
    RotateApiKey,
}

#[derive(Serialize)]
struct Created<'a> {
    tenant_id: i64,
    name: &'a str,
    oasis_api_key: &'a str,
}

#[derive(Serialize)]
struct Row {
    tenant_id: i64,
    name: String,
    monthly_user_limit: Option<i64>,
    created_at: String,
}

impl Tenant {
    pub(super) fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Create { name } => {
                let (tenant, api_key) = session
                    .write_deployment(|connection, by, sealer| tenants::create(connection, sealer, by, name.clone()))?;
                let created = Created { tenant_id: tenant.id, name: tenant.name.as_str(), oasis_api_key: &api_key };
                session.output.show(&created, || {
                    fields(&[
                        ("tenant_id", tenant.id.to_string()),
                        ("name", tenant.name.to_string()),
                        ("oasis_api_key", api_key.clone()),
                    ])
                })
            }
            Self::List => {
                let rows: Vec<Row> = session.database.read(store::tenants::list)?.into_iter().map(Row::of).collect();
                session.output.show(&rows, || {
                    let cells = |row: &Row| {
                        let limit = optional(row.monthly_user_limit);
                        vec![row.tenant_id.to_string(), row.name.clone(), limit, row.created_at.clone()]
                    };
                    let rows: Vec<_> = rows.iter().map(cells).collect();
                    table(&["id", "name", "monthly limit", "created"], &rows)
                })
            }
            Self::RotateApiKey => {
                let api_key = session.write_sealed(|tx, by, sealer| tenants::rotate_api_key(tx, sealer, by))?;
                session.output.show(&serde_json::json!({ "oasis_api_key": api_key }), || api_key.clone())
            }
        }
    }
}

impl Row {
    fn of(tenant: osaycore_directory::Tenant) -> Self {
        Self {
            tenant_id: tenant.id,
            name: tenant.name.into(),
            monthly_user_limit: tenant.monthly_user_limit,
            created_at: timestamp(tenant.created_at_us),
        }
    }
}
