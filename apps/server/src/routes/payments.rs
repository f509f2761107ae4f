//! Payments: money that an app took, each of which credits once.

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Path};
use osaycore_audit::{Action, Details, Field, Log, Target, TargetKind, Value};
use osaycore_directory::{AppScope, User, parse_uuid};
use osaycore_ledger::{Amount, Currency, Payment, PaymentStatus, Storage as _};
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::admin::users;
use crate::error::{ApiError, Code, Failure};
use crate::extract::{Body, Caller, Text};
use crate::group_commit::Work;
use crate::posting::app_scope;
use crate::routes::{answer, json, resource, signed, timestamp, to_json};
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateRequest {
    user_id: Text<1, 255>,
    amount: Amount,
    #[serde(deserialize_with = "named")]
    currency: Currency,
    credits: Option<Amount>,
    #[serde(deserialize_with = "named")]
    status: PaymentStatus,
    external_id: Option<Text<1, 255>>,
    #[serde(rename = "nonce")]
    _nonce: Option<Text<1, 255>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateRequest {
    #[serde(deserialize_with = "named")]
    status: PaymentStatus,
    #[serde(rename = "nonce")]
    _nonce: Option<Text<1, 255>>,
}

#[derive(Serialize)]
struct PaymentResponse<'a> {
    success: bool,
    payment_id: Uuid,
    user_id: Uuid,
    amount: Amount,
    currency: &'a str,
    credits: Option<Amount>,
    status: &'static str,
    external_id: Option<&'a str>,
    credited: bool,
    created_at: String,
    updated_at: String,
}

/// `POST /api/payments`: records a payment. The same `external_id` with the same rest is the same payment.
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

/// `GET /api/payments/{id}`
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
