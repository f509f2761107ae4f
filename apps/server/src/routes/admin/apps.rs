//! Apps, their settings, secrets and evaluation keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use osaycore_directory::{AdminScope, App, AppScope, AppSettings, Name, RedirectUri, Storage as _};
use osaycore_ledger::Amount;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use super::{Changed, List, PageQuery, asked, given, list_query, scoped};
use crate::admin::apps::{self, NewApp};
use crate::admin::{eval_keys, tenants};
use crate::error::{ApiError, Code, Failure};
use crate::extract::admin::{Admin, AdminBody};
use crate::routes::{resource, timestamp, to_json};
use crate::schemas;
use crate::server::State;
use crate::store::apps::SecretKind;
use crate::store::eval_keys::{EvalKey, of_app};
use crate::store::lists;
use crate::store::tx::Tx;

const READ: AdminScope = AdminScope::AppsRead;
const WRITE: AdminScope = AdminScope::AppsWrite;
/// How long replaced secrets go on working, unless said otherwise: a day.
const DEFAULT_GRACE_S: u32 = 24 * 60 * 60;
/// As the setting has it.
const MOST_REDIRECT_URIS: usize = 100;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(
            resource("/admin/v1/apps", "GET, POST")
                .route(scoped(web::get().to(list), READ))
                .route(scoped(web::post().to(create), WRITE)),
        )
        .service(
            resource("/admin/v1/apps/{app}", "GET, PATCH")
                .route(scoped(web::get().to(show), READ))
                .route(scoped(web::patch().to(change), WRITE)),
        )
        .service(resource("/admin/v1/apps/{app}/secrets", "POST").route(scoped(web::post().to(rotate), WRITE)))
        .service(
            resource("/admin/v1/apps/{app}/eval-keys", "GET, POST")
                .route(scoped(web::get().to(list_keys), READ))
                .route(scoped(web::post().to(create_key), WRITE)),
        )
        .service(
            resource("/admin/v1/apps/{app}/eval-keys/{key}", "DELETE")
                .route(scoped(web::delete().to(remove_key), WRITE)),
        );
}

#[derive(OpenApi)]
#[openapi(paths(list, create, show, change, rotate, list_keys, create_key, remove_key))]
pub(super) struct Api;

/// An app; its secrets are not told.
#[derive(Serialize, ToSchema)]
#[schema(as = App, examples(schemas::admin::app_example))]
struct AppView {
    app_id: Uuid,
    oasis_app_id: i64,
    name: String,
    api_key: String,
    scopes: Vec<&'static str>,
    disabled: bool,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(value_type = schemas::admin::AppSettings)]
    settings: AppSettings,
    /// The groups that it is open to, where it is restricted to groups.
    groups: Vec<i64>,
}

/// A new app with its secrets, which are told once.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "app_id": "4252b476-b58e-43e4-b4a0-8b9b1b7ac00a", "oasis_app_id": 1001, "name": "shop", "api_key": "ok_live_5Jm0xZ3kq1",
    "secret_key": "sk_live_9fXq2LrT7v", "oasis_application_key": "oasis_app_7c1f", "oasis_api_key": "ok_tenant_20be"
})))]
struct CreatedApp {
    app_id: Uuid,
    oasis_app_id: i64,
    name: String,
    api_key: String,
    secret_key: String,
    oasis_application_key: String,
    /// The tenant's, which other apps have too: for tokens with `settings:write` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    oasis_api_key: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"name": "shop", "scopes": ["add_credits"], "redirect_uris": ["https://shop.example.com/back"]})))]
struct CreateApp {
    #[schema(value_type = schemas::admin::Name)]
    name: Name,
    #[serde(default)]
    #[schema(value_type = schemas::admin::AppScopes)]
    scopes: Vec<AppScope>,
    #[serde(default)]
    #[schema(value_type = schemas::admin::RedirectUris)]
    redirect_uris: Vec<String>,
}

/// What is named is set, the rest stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"settings": {"requests_per_second": 50}})))]
struct ChangeApp {
    #[serde(default, deserialize_with = "given::set")]
    #[schema(required = false, nullable = false)]
    disabled: Option<bool>,
    /// By the names of `osaycore app set`; a list is replaced whole.
    #[serde(default)]
    #[schema(value_type = schemas::admin::AppSettingsChange)]
    settings: BTreeMap<String, Box<RawValue>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"kind": "signing", "grace_seconds": 86_400})))]
struct RotateSecret {
    #[serde(default)]
    kind: Kind,
    /// For how long the present ones go on working.
    #[schema(maximum = 4_294_967_295_u32)]
    grace_seconds: Option<u32>,
}

/// What a secret keys: requests of the API, or of one-time passcodes.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = SecretKind)]
enum Kind {
    #[default]
    Signing,
    Oasis,
}

/// A new secret, told once: the one of the two that was asked for.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"secret_key": "sk_live_4mPz8WnB1c"})))]
struct RotatedSecret {
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oasis_application_key: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateEvalKey, examples(json!({"name": "web"})))]
struct CreateKey {
    #[schema(value_type = Option<schemas::admin::Name>)]
    name: Option<Name>,
}

/// An evaluation key without the key.
#[derive(Serialize, ToSchema)]
#[schema(as = EvalKey, examples(json!({"id": 3, "name": "web", "created_at": "2026-11-23T23:13:03.925007Z"})))]
struct KeyView {
    id: i64,
    name: String,
    #[schema(format = DateTime)]
    created_at: String,
}

/// A new evaluation key, told once.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedEvalKey, examples(json!({"eval_key": "ek_live_6TgY2sRd", "id": 3, "name": "web", "created_at": "2026-11-23T23:13:03.925007Z"})))]
struct CreatedKey {
    eval_key: String,
    id: i64,
    name: String,
    #[schema(format = DateTime)]
    created_at: String,
}

/// `GET /api/admin/v1/apps`: apps, by name.
#[utoipa::path(
    get, path = "/api/admin/v1/apps", operation_id = "adminApps", tag = "Admin: apps",
    security(("admin" = ["apps:read"])),
    params(PageQuery),
    responses((status = 200, description = "A page of them", body = List<AppView>))
)]
async fn list(state: Data<State>, admin: Admin, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let asked = asked(&list_query(request.query_string(), &[])?)?;
    super::read(&state, &admin, move |tx| {
        let page = lists::apps::list(tx, &asked)?;
        let mut items = Vec::with_capacity(page.items.len());
        for app in page.items {
            items.push(AppView::read(tx, app)?);
        }
        Ok(List { items, next_cursor: page.next })
    })
    .await
}

/// `POST /api/admin/v1/apps`: makes an app.
#[utoipa::path(
    post, path = "/api/admin/v1/apps", operation_id = "adminCreateApp", tag = "Admin: apps",
    security(("admin" = ["apps:write"])),
    request_body = CreateApp,
    responses((status = 201, description = "Made; the keys are told once", body = CreatedApp)),
    extensions(("x-error-codes" = json!([Code::ReferenceConflict])))
)]
async fn create(
    state: Data<State>,
    admin: Admin,
    AdminBody(new): AdminBody<CreateApp>,
) -> Result<HttpResponse, ApiError> {
    let uris = new.redirect_uris.iter().map(|uri| uri.parse::<RedirectUri>());
    let redirect_uris =
        uris.collect::<Result<Vec<_>, _>>().map_err(|error| ApiError::invalid("redirect_uris", error))?;
    if redirect_uris.len() > MOST_REDIRECT_URIS {
        return Err(ApiError::invalid("redirect_uris", format!("at most {MOST_REDIRECT_URIS}")));
    }
    let new = NewApp { name: new.name, scopes: new.scopes.into(), redirect_uris };
    let snapshots = Arc::clone(&state.snapshots);
    let tells_api_key = admin.has(AdminScope::SettingsWrite);
    super::make(&state, &admin, move |tx, by| {
        apps::must_be_new(tx, &new.name)?;
        snapshots.with_sealer(tx, |tx, sealer| {
            let created = apps::create(tx, sealer, by, new.clone())?;
            Ok(CreatedApp {
                app_id: created.app.uuid,
                oasis_app_id: created.app.id,
                name: created.app.name.into(),
                api_key: created.app.api_key,
                secret_key: created.secret_key,
                oasis_application_key: created.oasis_application_key,
                oasis_api_key: tells_api_key.then(|| tenants::api_key(tx, sealer)).transpose()?,
            })
        })
    })
    .await
}

/// `GET /api/admin/v1/apps/{app}`: an app with its settings and groups.
#[utoipa::path(
    get, path = "/api/admin/v1/apps/{app}", operation_id = "adminApp", tag = "Admin: apps",
    security(("admin" = ["apps:read"])),
    params(("app" = schemas::admin::WhichApp, Path)),
    responses((
        status = 200, description = "The app", body = AppView,
        headers(("ETag" = String, description = "The version, as `If-Match` takes it"))
    ))
)]
async fn show(state: Data<State>, admin: Admin, app: Path<String>) -> Result<HttpResponse, ApiError> {
    super::read_versioned(&state, &admin, move |tx| {
        let app = super::app(tx, &app)?;
        let view = AppView::read(tx, app)?;
        let version = view.version()?;
        Ok((view, version))
    })
    .await
}

/// `PATCH /api/admin/v1/apps/{app}`: changes the settings of an app, disables or enables it.
#[utoipa::path(
    patch, path = "/api/admin/v1/apps/{app}", operation_id = "adminChangeApp", tag = "Admin: apps",
    security(("admin" = ["apps:write"])),
    params(("app" = schemas::admin::WhichApp, Path), ("If-Match" = Option<schemas::admin::EntityTags>, Header)),
    request_body = ChangeApp,
    responses((status = 200, description = "The app as changed", body = AppView))
)]
async fn change(
    state: Data<State>,
    admin: Admin,
    app: Path<String>,
    AdminBody(change): AdminBody<ChangeApp>,
) -> Result<HttpResponse, ApiError> {
    let mut settings = Vec::new();
    for (key, value) in &change.settings {
        if !AppSettings::KEYS.contains(&key.as_str()) {
            return Err(ApiError::field(Code::UnknownField, key, format!("{key} is no setting of an app")));
        }
        settings.push((key.clone(), values(key, value)?));
    }
    let precondition = admin.precondition();
    super::change(&state, &admin, move |tx, by| {
        let mut app = super::app(tx, &app)?;
        precondition.holds(&AppView::read(tx, app.clone())?.version()?)?;
        app = apps::set(tx, by, &app, &settings)?;
        if let Some(disabled) = change.disabled {
            app = apps::set_disabled(tx, by, &app, disabled)?;
        }
        AppView::read(tx, app)
    })
    .await
}

/// `POST /api/admin/v1/apps/{app}/secrets`: a new secret in the place of the present one, which goes on working for a
/// while.
#[utoipa::path(
    post, path = "/api/admin/v1/apps/{app}/secrets", operation_id = "adminRotateAppSecret", tag = "Admin: apps",
    security(("admin" = ["apps:write"])),
    params(("app" = schemas::admin::WhichApp, Path)),
    request_body = RotateSecret,
    responses((status = 201, description = "The new secret, told once", body = RotatedSecret))
)]
async fn rotate(
    state: Data<State>,
    admin: Admin,
    app: Path<String>,
    AdminBody(asked): AdminBody<RotateSecret>,
) -> Result<HttpResponse, ApiError> {
    let grace_s = asked.grace_seconds.unwrap_or(DEFAULT_GRACE_S);
    let snapshots = Arc::clone(&state.snapshots);
    super::make(&state, &admin, move |tx, by| {
        let app = super::app(tx, &app)?;
        snapshots.with_sealer(tx, |tx, sealer| {
            let mut rotate = |kind| apps::rotate_secret(tx, sealer, by, &app, kind, grace_s);
            Ok(match asked.kind {
                Kind::Signing => {
                    RotatedSecret { secret_key: Some(rotate(SecretKind::Signing)?), oasis_application_key: None }
                }
                Kind::Oasis => {
                    RotatedSecret { secret_key: None, oasis_application_key: Some(rotate(SecretKind::Oasis)?) }
                }
            })
        })
    })
    .await
}

/// `GET /api/admin/v1/apps/{app}/eval-keys`: the evaluation keys of an app: all of them, as there are few.
#[utoipa::path(
    get, path = "/api/admin/v1/apps/{app}/eval-keys", operation_id = "adminEvalKeys", tag = "Admin: apps",
    security(("admin" = ["apps:read"])),
    params(("app" = schemas::admin::WhichApp, Path)),
    responses((status = 200, description = "Them, without the keys", body = List<KeyView>))
)]
async fn list_keys(state: Data<State>, admin: Admin, app: Path<String>) -> Result<HttpResponse, ApiError> {
    super::read(&state, &admin, move |tx| {
        let app = super::app(tx, &app)?;
        let items = of_app(tx, app.id)?.into_iter().map(KeyView::of).collect();
        Ok(List { items, next_cursor: None })
    })
    .await
}

/// `POST /api/admin/v1/apps/{app}/eval-keys`: makes an evaluation key.
#[utoipa::path(
    post, path = "/api/admin/v1/apps/{app}/eval-keys", operation_id = "adminCreateEvalKey", tag = "Admin: apps",
    security(("admin" = ["apps:write"])),
    params(("app" = schemas::admin::WhichApp, Path)),
    request_body = CreateKey,
    responses((status = 201, description = "The key, told once", body = CreatedKey)),
    extensions(("x-error-codes" = json!([Code::ReferenceConflict])))
)]
async fn create_key(
    state: Data<State>,
    admin: Admin,
    app: Path<String>,
    AdminBody(new): AdminBody<CreateKey>,
) -> Result<HttpResponse, ApiError> {
    super::make(&state, &admin, move |tx, by| {
        let app = super::app(tx, &app)?;
        let (key, eval_key) = eval_keys::create(tx, by, &app, new.name.as_ref())?;
        let KeyView { id, name, created_at } = KeyView::of(key);
        Ok(CreatedKey { eval_key, id, name, created_at })
    })
    .await
}

/// `DELETE /api/admin/v1/apps/{app}/eval-keys/{key}`: removes an evaluation key, by number or name.
#[utoipa::path(
    delete, path = "/api/admin/v1/apps/{app}/eval-keys/{key}", operation_id = "adminRemoveEvalKey", tag = "Admin: apps",
    security(("admin" = ["apps:write"])),
    params(("app" = schemas::admin::WhichApp, Path), ("key" = schemas::admin::WhichKey, Path)),
    responses((status = 200, description = "Whether it was there", body = Changed))
)]
async fn remove_key(state: Data<State>, admin: Admin, path: Path<(String, String)>) -> Result<HttpResponse, ApiError> {
    super::change(&state, &admin, move |tx, by| {
        let (app, key) = (super::app(tx, &path.0)?, &path.1);
        let is_it = |kept: &EvalKey| kept.id.to_string() == *key || kept.name.as_str() == key;
        let changed = of_app(tx, app.id)?.iter().any(is_it);
        if changed {
            eval_keys::remove(tx, by, &app, key)?;
        }
        Ok(Changed { changed })
    })
    .await
}

/// The values of a setting, which is of the type that it has by default.
fn values(key: &str, value: &RawValue) -> Result<Vec<String>, ApiError> {
    let usual = serde_json::to_value(AppSettings::default()).map_err(|_| Code::Internal)?;
    let (text, invalid) = (value.get(), |what: &str| ApiError::invalid(key, what));
    let begins = |with: &[u8]| text.bytes().next().is_some_and(|first| with.contains(&first));
    match usual.get(key).unwrap_or_default() {
        Value::Bool(_) if begins(b"tf") => Ok(vec![text.to_owned()]),
        Value::Bool(_) => Err(invalid("must be true or false")),
        Value::Number(_) if begins(b"-0123456789") => Ok(vec![text.to_owned()]),
        Value::Number(_) => Err(invalid("must be a number")),
        Value::Array(_) => match serde_json::from_str::<Vec<String>>(text) {
            // One empty text is what empties a list.
            Ok(values) if values.is_empty() => Ok(vec![String::new()]),
            Ok(values) if values.iter().all(|value| !value.is_empty()) => Ok(values),
            _ => Err(invalid("must be a list of texts")),
        },
        Value::String(_) => serde_json::from_str(text).map(|value| vec![value]).map_err(|_| invalid("must be a text")),
        // A rate, which there is none of by default: read as amounts are.
        _ if text == "\"none\"" => Ok(vec!["none".to_owned()]),
        _ => match Amount::parse_json_token(text) {
            Ok(rate) => Ok(vec![rate.to_string()]),
            Err(error) => Err(invalid(&error.to_string())),
        },
    }
}

impl AppView {
    fn read(tx: &mut Tx<'_>, app: App) -> Result<Self, Failure> {
        Ok(Self {
            groups: tx.groups_of_app(app.id)?,
            app_id: app.uuid,
            oasis_app_id: app.id,
            name: app.name.into(),
            api_key: app.api_key,
            scopes: app.scopes.iter().map(|scope| scope.as_str()).collect(),
            disabled: app.disabled,
            created_at: timestamp(app.created_at_us),
            settings: app.settings,
        })
    }

    /// Another with every change of what is told.
    fn version(&self) -> Result<String, Failure> {
        let digest = Sha256::digest(to_json(self)?);
        Ok(hex::encode(digest.get(..8).unwrap_or_default()))
    }
}

impl KeyView {
    fn of(key: EvalKey) -> Self {
        Self { id: key.id, name: key.name.into(), created_at: timestamp(key.created_at_us) }
    }
}
