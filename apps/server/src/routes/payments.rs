//! Payments: money that an app took, each of which credits once.

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Path};
use osaycore_audit::{Action, Details, Field, Log, Target, TargetKind, Value};
use osaycore_directory::{AppScope, User, parse_uuid};
use osaycore_ledger::{Amount, Currency, Payment, PaymentStatus, Storage as _};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::admin::users;
use crate::error::{ApiError, Code, Failure};
use crate::extract::{Body, Caller, Nonce, Text, UserId};
use crate::group_commit::Work;
use crate::posting::app_scope;
use crate::routes::{answer, json, resource, signed, timestamp, to_json};
use crate::schemas;
use crate::server::State;
use crate::store::ledger::payment_by_external_id;
use crate::store::tx::Tx;
use crate::system;

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config.service(resource("/payments", "POST").route(signed(web::post().to(create)))).service(
        resource("/payments/{id}", "GET, PATCH")
            .route(signed(web::get().to(show)))
            .route(signed(web::patch().to(update))),
    );
}

#[derive(OpenApi)]
#[openapi(paths(create, show, update))]
pub(super) struct Api;

type ExternalId = Text<1, 255>;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreatePaymentRequest, examples(json!({
    "user_id": "user-1", "amount": 9.99, "currency": "EUR", "credits": 100, "status": "pending", "external_id": "pi_1"
})))]
struct CreateRequest {
    #[schema(value_type = schemas::UserId)]
    user_id: UserId,
    /// In units of the currency.
    #[schema(value_type = schemas::Amount)]
    amount: Amount,
    #[serde(deserialize_with = "named")]
    #[schema(value_type = schemas::Currency)]
    currency: Currency,
    /// How many it buys; without it as many as the purchase says.
    #[schema(value_type = Option<schemas::Amount>)]
    credits: Option<Amount>,
    #[serde(deserialize_with = "named")]
    #[schema(value_type = schemas::PaymentStatus)]
    status: PaymentStatus,
    /// The payment provider's id.
    #[schema(inline)]
    external_id: Option<ExternalId>,
    #[serde(rename = "nonce")]
    #[schema(inline)]
    _nonce: Option<Nonce>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangePaymentRequest, examples(json!({"status": "succeeded"})))]
struct UpdateRequest {
    #[serde(deserialize_with = "named")]
    #[schema(value_type = schemas::PaymentStatus)]
    status: PaymentStatus,
    #[serde(rename = "nonce")]
    #[schema(inline)]
    _nonce: Option<Nonce>,
}

#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "success": true, "payment_id": "4252b476-b58e-43e4-b4a0-8b9b1b7ac00a",
    "user_id": "83f398c8-a874-408a-a726-3363f307ff93", "amount": 9.99, "currency": "EUR", "credits": 100.00,
    "status": "pending", "external_id": "pi_1", "credited": false, "created_at": "2026-11-23T23:13:03.957276Z",
    "updated_at": "2026-11-23T23:13:03.957276Z"
})))]
struct PaymentResponse<'a> {
    success: bool,
    payment_id: Uuid,
    user_id: Uuid,
    #[schema(value_type = schemas::Credits)]
    amount: Amount,
    currency: &'a str,
    #[schema(value_type = Option<schemas::Credits>, required = true)]
    credits: Option<Amount>,
    #[schema(value_type = schemas::PaymentStatus)]
    status: &'static str,
    #[schema(required = true)]
    external_id: Option<&'a str>,
    credited: bool,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

/// `POST /api/payments`: records a payment. The same `external_id` with the same rest is the same payment.
#[utoipa::path(
    post, path = "/api/payments", operation_id = "createPayment", tag = "Payments",
    security(("signature" = [])),
    request_body = CreateRequest,
    responses((
        status = 200, description = "The payment", body = PaymentResponse,
        links(
            ("payment" = (operation_id = "payment", parameters(("id" = "$response.body#/payment_id")))),
            ("changePayment" = (operation_id = "changePayment", parameters(("id" = "$response.body#/payment_id"))))
        )
    )),
    extensions(("x-error-codes" = json!([
        Code::AmountScale, Code::AmountRange, Code::ScopeMissing, Code::UserInactive, Code::UserNotFound,
        Code::ReferenceConflict
    ])))
)]
async fn create(
    state: Data<State>,
    caller: Caller,
    Body(request): Body<CreateRequest>,
) -> Result<HttpResponse, ApiError> {
    let app = caller.app().clone();
    let external_id = request.external_id.map(|text| text.0);
    let work = Work::Call(Box::new(move |tx, by| {
        let user = users::active_by_api_id(tx, app.id, &request.user_id.0)?;
        app_scope(&app, AppScope::ManagePayments)?;
        let payment = Payment {
            id: system::uuid(),
            account_id: user.id,
            app_id: app.id,
            amount: request.amount,
            currency: request.currency,
            credits: request.credits,
            status: request.status,
            external_id: external_id.clone(),
            credited: None,
            created_at_us: by.now_us,
            updated_at_us: by.now_us,
        };
        if let Some(external_id) = &external_id
            && let Some(known) = payment_by_external_id(tx, app.id, external_id)?
        {
            return match first_difference(&known, &payment) {
                None => Ok(response(&known, &user)?),
                Some(field) => Err(ApiError::field(
                    Code::ReferenceConflict,
                    field,
                    format!("external_id was used for a payment with another {field}"),
                )
                .into()),
            };
        }
        tx.insert_payment(&payment)?;
        let mut event = by.event(Action::PaymentCreated, Some(user.id));
        event.target = Some(Target::new(TargetKind::Payment, payment.id.to_string()));
        event.after = Details::new()
            .with(Field::Status, payment.status.as_str())
            .with(Field::Amount, Value::credits(payment.amount.micros()))
            .with(Field::Currency, payment.currency.as_str());
        tx.append(event)?;
        Ok(response(&payment, &user)?)
    }));
    caller.run(&state, None, false, work).await.map(answer)
}

/// `PATCH /api/payments/{id}`: a pending payment succeeds or fails; what it is already is no change.
#[utoipa::path(
    patch, path = "/api/payments/{id}", operation_id = "changePayment", tag = "Payments",
    security(("signature" = [])),
    params(("id" = Uuid, Path, description = "`payment_id`", example = "4252b476-b58e-43e4-b4a0-8b9b1b7ac00a")),
    request_body = UpdateRequest,
    responses((status = 200, description = "The payment as changed", body = PaymentResponse)),
    extensions(("x-error-codes" = json!([
        Code::ScopeMissing, Code::UserInactive, Code::UserNotFound, Code::NotFound, Code::ReferenceConflict
    ])))
)]
async fn update(
    state: Data<State>,
    caller: Caller,
    id: Path<String>,
    Body(request): Body<UpdateRequest>,
) -> Result<HttpResponse, ApiError> {
    let app = caller.app().clone();
    let id = id.into_inner();
    let work = Work::Call(Box::new(move |tx, by| {
        app_scope(&app, AppScope::ManagePayments)?;
        let (payment, user) = find(tx, app.id, &id)?;
        let before = payment.status;
        let payment = payment
            .transition(request.status, by.now_us)
            .map_err(|error| ApiError::field(Code::ReferenceConflict, "status", error.to_string()))?;
        if payment.status != before {
            tx.update_payment(&payment)?;
            let mut event = by.event(Action::PaymentUpdated, Some(user.id));
            event.target = Some(Target::new(TargetKind::Payment, payment.id.to_string()));
            event.before = Details::new().with(Field::Status, before.as_str());
            event.after = Details::new().with(Field::Status, payment.status.as_str());
            tx.append(event)?;
        }
        Ok(response(&payment, &user)?)
    }));
    caller.run(&state, None, false, work).await.map(answer)
}

/// `GET /api/payments/{id}`: one of the app's.
#[utoipa::path(
    get, path = "/api/payments/{id}", operation_id = "payment", tag = "Payments",
    security(("signature" = [])),
    params(("id" = Uuid, Path, description = "`payment_id`", example = "4252b476-b58e-43e4-b4a0-8b9b1b7ac00a")),
    responses((status = 200, description = "The payment", body = PaymentResponse)),
    extensions(("x-error-codes" = json!([
        Code::ScopeMissing, Code::UserInactive, Code::UserNotFound, Code::NotFound
    ])))
)]
async fn show(state: Data<State>, caller: Caller, id: Path<String>) -> Result<HttpResponse, ApiError> {
    app_scope(caller.app(), AppScope::ManagePayments)?;
    let (app_id, id) = (caller.app().id, id.into_inner());
    let (payment, user) = state.read(caller.app().tenant_id, move |tx| find(tx, app_id, &id)).await?;
    json(&PaymentResponse::of(&payment, &user))
}

/// A payment of this app, and whose it is: somebody who is there and active.
fn find(tx: &mut Tx<'_>, app_id: i64, id: &str) -> Result<(Payment, User), Failure> {
    let id = parse_uuid(id).ok_or(Code::NotFound)?;
    let payment = tx.payment(id)?.filter(|payment| payment.app_id == app_id).ok_or(Code::NotFound)?;
    let user = users::active(users::by_id(tx, payment.account_id)?)?;
    Ok((payment, user))
}

/// The first member that differs as requested; the status may have moved on since.
fn first_difference(known: &Payment, asked: &Payment) -> Option<&'static str> {
    [
        ("user_id", known.account_id == asked.account_id),
        ("amount", known.amount == asked.amount),
        ("currency", known.currency == asked.currency),
        ("credits", known.credits == asked.credits),
    ]
    .into_iter()
    .find_map(|(field, equal)| (!equal).then_some(field))
}

fn response(payment: &Payment, user: &User) -> Result<Vec<u8>, ApiError> {
    to_json(&PaymentResponse::of(payment, user))
}

fn named<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
    D: Deserializer<'de>,
{
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

impl<'a> PaymentResponse<'a> {
    fn of(payment: &'a Payment, user: &User) -> Self {
        Self {
            success: true,
            payment_id: payment.id,
            user_id: user.uuid,
            amount: payment.amount,
            currency: payment.currency.as_str(),
            credits: payment.credits,
            status: payment.status.as_str(),
            external_id: payment.external_id.as_deref(),
            credited: payment.credited.is_some(),
            created_at: timestamp(payment.created_at_us),
            updated_at: timestamp(payment.updated_at_us),
        }
    }
}
