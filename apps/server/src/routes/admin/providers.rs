//! Providers that people sign in by.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Path};
use osaycore_directory::{AdminScope, ProviderName};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Changed, List, scoped};
use crate::admin::By;
use crate::admin::providers::{self, NewProvider};
use crate::error::{ApiError, Code};
use crate::extract::Text;
use crate::extract::admin::{Admin, AdminBody};
use crate::oauth::provider::Kind;
use crate::routes::{resource, timestamp};
use crate::server::State;
use crate::store::providers::{ProviderKind, StoredProvider};
use crate::system;

const WRITE: AdminScope = AdminScope::SettingsWrite;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/admin/v1/providers", "GET").route(scoped(web::get().to(list), AdminScope::SettingsRead)))
        .service(
            resource("/admin/v1/providers/{provider}", "PUT, DELETE")
                .route(scoped(web::put().to(set), WRITE))
                .route(scoped(web::delete().to(remove), WRITE)),
        );
}

/// A provider; its secret is not told.
#[derive(Serialize)]
struct ProviderView {
    name: String,
    kind: &'static str,
    issuer: Option<String>,
    client_id: String,
    scopes: Vec<String>,
    private_network: bool,
    created_at: String,
    updated_at: String,
}

/// A provider as it is to be, whole: by its issuer, or a preset.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetProvider {
    /// An issuer of `OpenID` Connect, found by discovery.
    issuer: Option<String>,
    /// `google` or `github`.
    preset: Option<String>,
    client_id: Text<1, 255>,
    client_secret: Text<1, 1000>,
    /// In the place of the usual ones.
    #[serde(default)]
    scopes: Vec<Text<1, 255>>,
    /// It is at a private address, or without TLS.
    #[serde(default)]
    private_network: bool,
}

/// `GET /api/admin/v1/providers`: all of them; a tenant has few.
async fn list(state: Data<State>, admin: Admin) -> Result<HttpResponse, ApiError> {
    let snapshots = Arc::clone(&state.snapshots);
    super::read(&state, &admin, move |tx| {
        let by = By::system(tx.tenant_id(), system::now_us());
        let found = snapshots.with_sealer(tx, |tx, sealer| providers::list_for(tx, &by, sealer))?;
        Ok(List { items: found.into_iter().map(ProviderView::of).collect(), next_cursor: None })
    })
    .await
}

/// `PUT /api/admin/v1/providers/{provider}`
async fn set(
    state: Data<State>,
    admin: Admin,
    name: Path<String>,
    AdminBody(asked): AdminBody<SetProvider>,
) -> Result<HttpResponse, ApiError> {
    let name: ProviderName = name.parse().map_err(|error| ApiError::invalid("provider", error))?;
    let kind = match (&asked.issuer, &asked.preset) {
        (Some(issuer), None) => Kind::open_id(issuer).map_err(|error| ApiError::invalid("issuer", error))?,
        (None, Some(preset)) => Kind::preset(preset).map_err(|error| ApiError::invalid("preset", error))?,
        (None, None) => return Err(ApiError::field(Code::MissingField, "issuer", "issuer is missing, or a preset")),
        (Some(_), Some(_)) => return Err(ApiError::invalid("preset", "give an issuer or a preset, not both")),
    };
    let new = NewProvider {
        name,
        kind,
        client_id: asked.client_id.0,
        client_secret: Some(Zeroizing::new(asked.client_secret.0)),
        scopes: asked.scopes.into_iter().map(|scope| scope.0).collect(),
        private_network: asked.private_network,
    };
    providers::must_be_reachable_for(admin.tenant_id(), &new.kind, new.private_network)?;
    let snapshots = Arc::clone(&state.snapshots);
    super::change(&state, &admin, move |tx, by| {
        let stored = snapshots.with_sealer(tx, |tx, sealer| providers::set(tx, sealer, by, &new))?;
        Ok(ProviderView::of(stored))
    })
    .await
}

/// `DELETE /api/admin/v1/providers/{provider}`: whoever signed in by it keeps the account.
async fn remove(state: Data<State>, admin: Admin, name: Path<String>) -> Result<HttpResponse, ApiError> {
    let name: ProviderName = name.parse().map_err(|error| ApiError::invalid("provider", error))?;
    super::change(&state, &admin, move |tx, by| Ok(Changed { changed: providers::remove(tx, by, &name)? })).await
}

impl ProviderView {
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
            created_at: timestamp(provider.created_at_us),
            updated_at: timestamp(provider.updated_at_us),
        }
    }
}
