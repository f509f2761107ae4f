//! The tenant, its API key, and the keys that sign user tokens.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Path};
use osaycore_directory::{AdminScope, Tenant};
use osaycore_jwt::Algorithm;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::{Changed, List, scoped};
use crate::admin::{keys, tenants};
use crate::error::{ApiError, Code, Failure};
use crate::extract::admin::{Admin, AdminBody};
use crate::refusals::FIRST_TENANT;
use crate::routes::{resource, timestamp};
use crate::schemas;
use crate::server::State;
use crate::store::jwt_keys::{self, KeyInfo};
use crate::store::tenants as stored;
use crate::store::tx::Tx;

const READ: AdminScope = AdminScope::SettingsRead;
const WRITE: AdminScope = AdminScope::SettingsWrite;
/// The longest that a key is published before it issues: a week.
const LONGEST_LEAD_S: i64 = 604_800;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(
            resource("/admin/v1/settings", "GET, PATCH")
                .route(scoped(web::get().to(show), READ))
                .route(scoped(web::patch().to(change), WRITE)),
        )
        .service(resource("/admin/v1/settings/api-key", "POST").route(scoped(web::post().to(rotate_api_key), WRITE)))
        .service(
            resource("/admin/v1/settings/token-keys", "GET, POST")
                .route(scoped(web::get().to(list_keys), READ))
                .route(scoped(web::post().to(rotate_key), WRITE)),
        )
        .service(
            resource("/admin/v1/settings/token-keys/{kid}", "DELETE").route(scoped(web::delete().to(drop_key), WRITE)),
        );
}

#[derive(OpenApi)]
#[openapi(paths(show, change, rotate_api_key, list_keys, rotate_key, drop_key))]
pub(super) struct Api;

/// The tenant that the token is of.
#[derive(Serialize, ToSchema)]
#[schema(as = Tenant, examples(json!({"tenant_id": 1, "name": "default", "monthly_user_limit": null, "created_at": "2026-11-23T23:13:03.925007Z"})))]
struct TenantView {
    tenant_id: i64,
    name: String,
    /// How many distinct users may pass a second factor in a month; none: any number.
    #[schema(required = true)]
    monthly_user_limit: Option<i64>,
    #[schema(format = DateTime)]
    created_at: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"monthly_user_limit": 1000})))]
struct ChangeTenant {
    /// `null` takes the limit away.
    #[serde(default, deserialize_with = "limit")]
    #[schema(value_type = Option<u32>, maximum = 4_294_967_295_u32)]
    monthly_user_limit: Limit,
}

/// What becomes of a limit.
#[derive(Clone, Copy, Default)]
enum Limit {
    /// It is not named.
    #[default]
    Stays,
    /// None: any number.
    Is(Option<u32>),
}

/// The tenant's new key of one-time passcode requests, told once.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"oasis_api_key": "ok_tenant_20be"})))]
struct RotatedApiKey {
    oasis_api_key: String,
}

/// A key that signs user tokens; never its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenKey, examples(json!({
    "kid": "k1", "algorithm": "EdDSA", "state": "active", "created_at": "2026-11-23T23:13:03.925007Z",
    "active_from": "2026-11-23T23:13:03.925007Z", "drop_after": null
})))]
struct TokenKeyView {
    kid: String,
    algorithm: String,
    state: String,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    active_from: String,
    #[schema(format = DateTime, required = true)]
    drop_after: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RotateTokenKey, examples(json!({"algorithm": "EdDSA", "lead_seconds": 3600})))]
struct RotateKey {
    /// `HS256`, `EdDSA` or `RS256`; none: as before.
    #[schema(value_type = Option<schemas::admin::TokenAlgorithm>)]
    algorithm: Option<String>,
    /// For how long it is published before it issues.
    #[schema(minimum = 0, maximum = 604_800)]
    lead_seconds: Option<i64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RotatedTokenKey, examples(json!({"kid": "k2"})))]
struct RotatedKey {
    kid: String,
}

/// `GET /api/admin/v1/settings`: the tenant.
#[utoipa::path(
    get, path = "/api/admin/v1/settings", operation_id = "adminSettings", tag = "Admin: settings",
    security(("admin" = ["settings:read"])),
    responses((status = 200, description = "The tenant", body = TenantView))
)]
async fn show(state: Data<State>, admin: Admin) -> Result<HttpResponse, ApiError> {
    super::read(&state, &admin, |tx| Ok(TenantView::of(tenant(tx)?))).await
}

/// `PATCH /api/admin/v1/settings`: changes the tenant.
#[utoipa::path(
    patch, path = "/api/admin/v1/settings", operation_id = "adminChangeSettings", tag = "Admin: settings",
    security(("admin" = ["settings:write"])),
    request_body = ChangeTenant,
    responses((status = 200, description = "The tenant as changed", body = TenantView))
)]
async fn change(
    state: Data<State>,
    admin: Admin,
    AdminBody(asked): AdminBody<ChangeTenant>,
) -> Result<HttpResponse, ApiError> {
    super::change(&state, &admin, move |tx, by| {
        let before = tenant(tx)?.monthly_user_limit;
        if let Limit::Is(limit) = asked.monthly_user_limit {
            tenants::set_monthly_user_limit(tx, by, before, limit.map(i64::from))?;
        }
        Ok(TenantView::of(tenant(tx)?))
    })
    .await
}

/// `POST /api/admin/v1/settings/api-key`: a new key of one-time passcode requests in the place of the old, at once.
#[utoipa::path(
    post, path = "/api/admin/v1/settings/api-key", operation_id = "adminRotateApiKey", tag = "Admin: settings",
    security(("admin" = ["settings:write"])),
    request_body = super::Nothing,
    responses((status = 201, description = "The new key, told once", body = RotatedApiKey))
)]
async fn rotate_api_key(
    state: Data<State>,
    admin: Admin,
    AdminBody(_): AdminBody<super::Nothing>,
) -> Result<HttpResponse, ApiError> {
    let snapshots = Arc::clone(&state.snapshots);
    super::make(&state, &admin, move |tx, by| {
        let oasis_api_key = snapshots.with_sealer(tx, |tx, sealer| tenants::rotate_api_key(tx, sealer, by))?;
        Ok(RotatedApiKey { oasis_api_key })
    })
    .await
}

/// `GET /api/admin/v1/settings/token-keys`: the keys that sign user tokens.
#[utoipa::path(
    get, path = "/api/admin/v1/settings/token-keys", operation_id = "adminTokenKeys", tag = "Admin: settings",
    security(("admin" = ["settings:read"])),
    responses((status = 200, description = "Them, without secrets", body = List<TokenKeyView>))
)]
async fn list_keys(state: Data<State>, admin: Admin) -> Result<HttpResponse, ApiError> {
    super::read(&state, &admin, |tx| {
        let items = jwt_keys::list(tx.connection())?.into_iter().map(TokenKeyView::of).collect();
        Ok(List { items, next_cursor: None })
    })
    .await
}

/// `POST /api/admin/v1/settings/token-keys`: publishes a new key, which issues later.
#[utoipa::path(
    post, path = "/api/admin/v1/settings/token-keys", operation_id = "adminRotateTokenKey", tag = "Admin: settings",
    security(("admin" = ["settings:write"])),
    request_body = RotateKey,
    responses((status = 201, description = "The new key", body = RotatedKey)),
    extensions(("x-error-codes" = json!([Code::ReferenceConflict])))
)]
async fn rotate_key(
    state: Data<State>,
    admin: Admin,
    AdminBody(asked): AdminBody<RotateKey>,
) -> Result<HttpResponse, ApiError> {
    let named = |name: &String| {
        Algorithm::named(name).ok_or_else(|| ApiError::invalid("algorithm", "one of HS256, EdDSA and RS256"))
    };
    let algorithm = asked.algorithm.as_ref().map(named).transpose()?;
    if asked.lead_seconds.is_some_and(|seconds| !(0..=LONGEST_LEAD_S).contains(&seconds)) {
        return Err(ApiError::invalid("lead_seconds", format!("a whole number from 0 to {LONGEST_LEAD_S}")));
    }
    of_the_deployment(admin.tenant_id())?;
    let made = state.make_token_key(admin.tenant_id(), algorithm).await?;
    let snapshots = Arc::clone(&state.snapshots);
    super::make(&state, &admin, move |tx, by| {
        let rotated =
            snapshots.with_sealer(tx, |tx, sealer| keys::rotate_jwt(tx, sealer, by, &made, asked.lead_seconds))?;
        Ok(RotatedKey { kid: rotated })
    })
    .await
}

/// `DELETE /api/admin/v1/settings/token-keys/{kid}`: drops a key that leaked: every token of it is refused.
#[utoipa::path(
    delete, path = "/api/admin/v1/settings/token-keys/{kid}", operation_id = "adminDropTokenKey", tag = "Admin: settings",
    security(("admin" = ["settings:write"])),
    params(("kid" = schemas::admin::WhichTokenKey, Path)),
    responses((status = 200, description = "Whether it was there", body = Changed)),
    extensions(("x-error-codes" = json!([Code::ReferenceConflict])))
)]
async fn drop_key(state: Data<State>, admin: Admin, kid: Path<String>) -> Result<HttpResponse, ApiError> {
    of_the_deployment(admin.tenant_id())?;
    super::change(&state, &admin, move |tx, by| {
        let changed = match keys::drop_jwt(tx, by, &kid) {
            // A repeat finds it done.
            Err(Failure::Refused(error)) if error.code == Code::NotFound => false,
            dropped => dropped.map(|()| true)?,
        };
        Ok(Changed { changed })
    })
    .await
}

fn tenant(tx: &mut Tx<'_>) -> Result<Tenant, Failure> {
    let tenant_id = tx.tenant_id();
    let all = stored::list(tx.connection())?;
    all.into_iter().find(|tenant| tenant.id == tenant_id).ok_or_else(|| Code::Internal.into())
}

/// 403 for a token of another tenant than the first: the keys are those of all tenants.
fn of_the_deployment(tenant_id: i64) -> Result<(), ApiError> {
    if tenant_id == FIRST_TENANT {
        return Ok(());
    }
    let sentence = "Token keys are all tenants': a token of the deployment's first tenant changes them";
    Err(ApiError::from(Code::ScopeMissing).detail(sentence))
}

impl TenantView {
    fn of(tenant: Tenant) -> Self {
        Self {
            tenant_id: tenant.id,
            name: tenant.name.into(),
            monthly_user_limit: tenant.monthly_user_limit,
            created_at: timestamp(tenant.created_at_us),
        }
    }
}

impl TokenKeyView {
    fn of(key: KeyInfo) -> Self {
        Self {
            kid: key.kid,
            algorithm: key.algorithm,
            state: key.state,
            created_at: timestamp(key.created_at_us),
            active_from: timestamp(key.active_from_us),
            drop_after: key.drop_after_us.map(timestamp),
        }
    }
}

fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Limit, D::Error> {
    Option::deserialize(deserializer).map(Limit::Is)
}
