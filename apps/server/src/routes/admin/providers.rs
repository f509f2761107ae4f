//! Providers that people sign in by.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Path};
use osaycore_directory::{AdminScope, ProviderName};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use zeroize::Zeroizing;

use super::{Changed, List, scoped};
use crate::admin::By;
use crate::admin::providers::{self, NewProvider};
use crate::error::{ApiError, Code};
use crate::extract::Text;
use crate::extract::admin::{Admin, AdminBody};
use crate::oauth::provider::Kind;
use crate::routes::{resource, timestamp};
use crate::schemas;
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

#[derive(OpenApi)]
#[openapi(paths(list, set, remove))]
pub(super) struct Api;

/// A provider; its secret is not told.
#[derive(Serialize, ToSchema)]
#[schema(as = Provider, examples(json!({
    "name": "google", "kind": "openid", "issuer": "https://accounts.google.com", "client_id": "4711.apps.example.com",
    "scopes": ["openid", "email", "profile"], "private_network": false, "created_at": "2026-11-23T23:13:03.925007Z",
    "updated_at": "2026-11-23T23:13:03.925007Z"
})))]
struct ProviderView {
    name: String,
    kind: &'static str,
    #[schema(required = true)]
    issuer: Option<String>,
    client_id: String,
    scopes: Vec<String>,
    private_network: bool,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

/// A provider as it is to be, whole: by its issuer, or a preset.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"preset": "google", "client_id": "4711.apps.example.com", "client_secret": "GOCSPX-example"})))]
struct SetProvider {
    /// An issuer of `OpenID` Connect, found by discovery.
    #[schema(value_type = Option<schemas::admin::Issuer>)]
    issuer: Option<String>,
    /// `google` or `github`.
    #[schema(value_type = Option<schemas::admin::Preset>)]
    preset: Option<String>,
    #[schema(value_type = schemas::admin::ClientId)]
    client_id: Text<1, 255>,
    #[schema(value_type = schemas::admin::ClientSecret)]
    client_secret: Text<1, 1000>,
    /// In the place of the usual ones.
    #[serde(default)]
    #[schema(value_type = schemas::admin::ProviderScopes)]
    scopes: Vec<Text<1, 255>>,
    /// It is at a private address, or without TLS.
    #[serde(default)]
    private_network: bool,
}

/// `GET /api/admin/v1/providers`: providers of logins: all of them, as a tenant has few.
#[utoipa::path(
    get, path = "/api/admin/v1/providers", operation_id = "adminProviders", tag = "Admin: settings",
    security(("admin" = ["settings:read"])),
    responses((status = 200, description = "Them, without secrets", body = List<ProviderView>))
)]
async fn list(state: Data<State>, admin: Admin) -> Result<HttpResponse, ApiError> {
    let snapshots = Arc::clone(&state.snapshots);
    super::read(&state, &admin, move |tx| {
        let by = By::system(tx.tenant_id(), system::now_us());
        let found = snapshots.with_sealer(tx, |tx, sealer| providers::list_for(tx, &by, sealer))?;
        Ok(List { items: found.into_iter().map(ProviderView::of).collect(), next_cursor: None })
    })
    .await
}

/// `PUT /api/admin/v1/providers/{provider}`: sets a provider, whole.
#[utoipa::path(
    put, path = "/api/admin/v1/providers/{provider}", operation_id = "adminSetProvider", tag = "Admin: settings",
    security(("admin" = ["settings:write"])),
    params(("provider" = schemas::admin::WhichProvider, Path)),
    request_body = SetProvider,
    responses((status = 200, description = "The provider", body = ProviderView))
)]
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

/// `DELETE /api/admin/v1/providers/{provider}`: removes a provider; whoever signed in by it keeps the account.
#[utoipa::path(
    delete, path = "/api/admin/v1/providers/{provider}", operation_id = "adminRemoveProvider", tag = "Admin: settings",
    security(("admin" = ["settings:write"])),
    params(("provider" = schemas::admin::WhichProvider, Path)),
    responses((status = 200, description = "Whether it was there", body = Changed))
)]
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
