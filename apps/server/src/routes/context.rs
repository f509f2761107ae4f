//! The user context: profile, balance, permissions and flags, of one consistent snapshot.

use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use osaycore_directory::{AvatarUrl, Custom, Scopes, User};
use osaycore_flags::{Evaluation, Reason, Value};
use osaycore_ledger::Amount;
use serde::{Serialize, Serializer};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::context::FlagContext;
use crate::error::{ApiError, Code};
use crate::extract::{Bearer, Caller};
use crate::metrics::Surface;
use crate::routes::credits::BalanceSummary;
use crate::routes::{json, resource, signed};
use crate::schemas;
use crate::server::State;
use crate::store::members::Member;

/// What the context has besides, where it is asked for.
const FEATURE_DETAILS: &str = "feature_details";

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config.service(resource("/user/context", "GET").route(signed(web::get().to(context))));
}

#[derive(OpenApi)]
#[openapi(paths(context))]
pub(super) struct Api;

#[derive(Serialize, ToSchema)]
#[schema(examples(schemas::context_example))]
struct ContextResponse<'a> {
    success: bool,
    user_summary: UserSummary<'a>,
    credit_balance: BalanceSummary,
    app_context: AppContext<'a>,
    /// Every active flag of the app: whether it is on.
    #[schema(value_type = HashMap<String, bool>)]
    enabled_features: Enabled<'a>,
    /// Only where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = HashMap<String, FeatureDetails<'a>>)]
    feature_details: Option<Details<'a>>,
    api_session_id: Uuid,
}

/// A flag's key, and what it is for the bearer.
type Evaluated<'a> = (&'a str, Evaluation<'a>);

/// Key → whether it is on.
struct Enabled<'a>(&'a [Evaluated<'a>]);

/// Key → [`FeatureDetails`].
struct Details<'a>(&'a [Evaluated<'a>]);

/// What a flag is, and why in a word; nothing of what that was decided by.
#[derive(Serialize, ToSchema)]
struct FeatureDetails<'a> {
    #[schema(required = true)]
    variant: Option<&'a str>,
    #[schema(value_type = schemas::FlagValue)]
    value: Value<'a>,
    #[schema(value_type = schemas::FlagReason)]
    reason: Reason,
}

#[derive(Serialize, ToSchema)]
struct UserSummary<'a> {
    id: Uuid,
    #[schema(required = true)]
    email: Option<&'a str>,
    username: &'a str,
    #[schema(required = true)]
    display_name: Option<&'a str>,
    role: &'a str,
    status: &'a str,
    #[schema(required = true)]
    avatar_url: Option<&'a str>,
    email_verified: bool,
}

#[derive(Serialize, ToSchema)]
struct AppContext<'a> {
    app_id: Uuid,
    app_name: &'a str,
    app_permissions: Permissions<'a>,
}

#[derive(Serialize, ToSchema)]
struct Permissions<'a> {
    can_use: bool,
    is_authorized: bool,
    #[schema(value_type = schemas::Credits)]
    effective_credit_rate: Amount,
    #[schema(value_type = Vec<String>)]
    scopes: &'a Scopes,
    /// Whatever the app keeps there.
    #[schema(value_type = HashMap<String, schemas::AttributeValue>)]
    custom_permissions: &'a Custom,
}

/// `GET /api/user/context`: everything an app needs to know of the bearer, in one call.
#[utoipa::path(
    get, path = "/api/user/context", operation_id = "userContext", tag = "Users",
    security(("signature" = [], "token" = [])),
    params(("include" = Option<schemas::Include>, Query, description = "`feature_details`: variant, value and reason too")),
    responses((status = 200, description = "The user in this app", body = ContextResponse))
)]
async fn context(
    state: Data<State>,
    caller: Caller,
    Bearer(claims): Bearer,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let with_details = wants_details(request.query_string())?;
    let (member, account) = state.wallet(caller.app(), claims.sub).await?;
    let Member { user, permit, groups, .. } = &*member;
    let served = caller.served();
    let effective = member.effective(&served.app);
    let attributes = FlagContext::new(user, permit.as_ref(), &effective, groups, &account).in_app(served.app.uuid);
    let evaluated = state.evaluate_all(served, &attributes, &user.uuid.to_string()).await?;
    state.metrics.flags(Surface::Context, evaluated.iter().map(|(_, evaluation)| evaluation.reason));
    json(&ContextResponse {
        success: true,
        user_summary: UserSummary::of(user),
        credit_balance: BalanceSummary::from(&account),
        app_context: AppContext {
            app_id: served.app.uuid,
            app_name: served.app.name.as_str(),
            app_permissions: Permissions {
                can_use: effective.can_use,
                is_authorized: effective.is_authorized,
                effective_credit_rate: Amount::from_micros(effective.credit_rate.micros()).ok_or(Code::Internal)?,
                scopes: &effective.scopes,
                custom_permissions: &effective.custom,
            },
        },
        enabled_features: Enabled(&evaluated),
        feature_details: with_details.then_some(Details(&evaluated)),
        api_session_id: claims.jti,
    })
}

impl Serialize for Enabled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, evaluation)| (key, evaluation.enabled)))
    }
}

impl Serialize for Details<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, evaluation)| (key, FeatureDetails::of(evaluation))))
    }
}

/// `?include=feature_details`; what else stands in the query was never read, and clients may have something there.
fn wants_details(query: &str) -> Result<bool, ApiError> {
    let mut included = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "include").peekable();
    let asked = included.peek().is_some();
    if included.any(|(_, what)| what != FEATURE_DETAILS) {
        return Err(ApiError::invalid("include", format!("{FEATURE_DETAILS} is all there is")));
    }
    Ok(asked)
}

impl<'a> FeatureDetails<'a> {
    fn of(evaluation: &Evaluation<'a>) -> Self {
        let Evaluation { variant, value, reason, .. } = *evaluation;
        Self { variant, value, reason }
    }
}

impl<'a> UserSummary<'a> {
    fn of(user: &'a User) -> Self {
        Self {
            id: user.uuid,
            email: user.email.as_ref().map(AsRef::as_ref),
            username: user.username.as_str(),
            display_name: user.display_name.as_ref().map(AsRef::as_ref),
            role: user.role.as_str(),
            status: user.status.as_str(),
            avatar_url: user.avatar_url.as_ref().map(AvatarUrl::as_str),
            email_verified: user.email_verified,
        }
    }
}
