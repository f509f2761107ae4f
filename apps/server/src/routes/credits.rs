//! Credits: deduct, add, balance, history.

use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use osaycore_ledger::{Account, AddKind, Amount, Credits, EntryKind, HistoryQuery, PaymentFault, Storage};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::error::{ApiError, Code};
use crate::extract::{Bearer, Body, Caller, Text, UserId};
use crate::group_commit::Work;
use crate::posting::{Asked, Posting, Request};
use crate::routes::query::Query;
use crate::routes::{answer, json, resource, signed};
use crate::schemas;
use crate::server::State;
use crate::statement::Transaction;
use crate::store::members::Member;
use crate::store::tx::Tx;

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/action/deduct-credits", "POST").route(signed(web::post().to(deduct))))
        .service(resource("/credits/add-credits", "POST").route(signed(web::post().to(add))))
        .service(resource("/credits/balance", "GET").route(signed(web::get().to(balance))))
        .service(resource("/credits/transactions", "GET").route(signed(web::get().to(transactions))));
}

#[derive(OpenApi)]
#[openapi(paths(deduct, add, balance, transactions))]
pub(super) struct Api;

type Description = Text<0, 1000>;
type Reference = Text<1, 255>;

/// `amount` or `units`, one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"amount": 10.50, "description": "Image generation", "client_reference_id": "job-1"})))]
struct DeductRequest {
    #[schema(value_type = Option<schemas::Amount>)]
    amount: Option<Amount>,
    /// Instead of `amount`: charged at the user's rate.
    #[schema(value_type = Option<schemas::Amount>)]
    units: Option<Amount>,
    #[schema(inline)]
    description: Option<Description>,
    /// Your own id of this charge: charged once for ever.
    #[schema(inline)]
    client_reference_id: Option<Reference>,
}

/// What a charge or an addition came to; a repeat is told the same bytes.
#[derive(ToSchema)]
#[schema(examples(json!({"success": true, "transaction_id": "0199e1b6-5c3a-7b1e-9d2f-3a4b5c6d7e8f", "new_balance": 89.50})))]
#[expect(dead_code, reason = "`posting` writes these members, as the bytes that are kept")]
struct PostingResponse {
    success: bool,
    transaction_id: Uuid,
    #[schema(value_type = schemas::Credits)]
    new_balance: Credits,
}

/// `POST /api/action/deduct-credits`: takes credits from the bearer's balance.
#[utoipa::path(
    post, path = "/api/action/deduct-credits", operation_id = "deductCredits", tag = "Credits",
    security(("signature" = [], "token" = [])),
    request_body = DeductRequest,
    responses((status = 200, description = "Charged", body = PostingResponse)),
    extensions(("x-error-codes" = json!([
        Code::AmountScale, Code::AmountRange, Code::BalanceLimit, Code::InsufficientCredits, Code::MinimumBalance,
        Code::NotPermitted, Code::ScopeMissing, Code::ReferenceConflict
    ])))
)]
async fn deduct(
    state: Data<State>,
    caller: Caller,
    Bearer(claims): Bearer,
    Body(request): Body<DeductRequest>,
) -> Result<HttpResponse, ApiError> {
    let charge = match (request.amount, request.units) {
        (Some(amount), None) => Asked::Amount(amount),
        (None, Some(units)) => Asked::Units(units),
        (None, None) => return Err(ApiError::field(Code::MissingField, "amount", "amount is missing")),
        (Some(_), Some(_)) => return Err(ApiError::invalid("units", "give amount or units, not both")),
    };
    let posting = Posting {
        app: caller.app().clone(),
        description: request.description.map(|text| text.0),
        reference: request.client_reference_id.map(|text| text.0),
        request: Request::Deduct { user: claims.sub, charge },
    };
    let told_apart = posting.reference.is_some();
    let work = Work::Post(Box::new(posting));
    caller.run(&state, Some(claims.sub), told_apart, work).await.map(answer)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"user_id": "user-1", "amount": 100, "transaction_type": "BONUS", "client_reference_id": "order-1"})))]
struct AddRequest {
    #[schema(value_type = schemas::UserId)]
    user_id: UserId,
    #[schema(value_type = schemas::Amount)]
    amount: Amount,
    #[serde(deserialize_with = "transaction_type")]
    #[schema(value_type = schemas::AddKind)]
    transaction_type: AddKind,
    #[schema(inline)]
    description: Option<Description>,
    /// With `PURCHASE` only: a succeeded payment of this user, which credits once.
    #[serde(default, deserialize_with = "payment_id")]
    payment_id: Option<Uuid>,
    #[schema(inline)]
    client_reference_id: Option<Reference>,
}

/// `POST /api/credits/add-credits`: adds credits to a user's balance.
#[utoipa::path(
    post, path = "/api/credits/add-credits", operation_id = "addCredits", tag = "Credits",
    security(("signature" = [])),
    request_body = AddRequest,
    responses((status = 200, description = "Added", body = PostingResponse)),
    extensions(("x-error-codes" = json!([
        Code::AmountScale, Code::AmountRange, Code::BalanceLimit, Code::UserInactive, Code::ScopeMissing,
        Code::UserNotFound, Code::ReferenceConflict, Code::PaymentUsed
    ])))
)]
async fn add(state: Data<State>, caller: Caller, Body(request): Body<AddRequest>) -> Result<HttpResponse, ApiError> {
    if request.payment_id.is_some() && request.transaction_type != AddKind::Purchase {
        return Err(ApiError::invalid("payment_id", PaymentFault::NotAPurchase));
    }
    let posting = Posting {
        app: caller.app().clone(),
        description: request.description.map(|text| text.0),
        reference: request.client_reference_id.map(|text| text.0),
        request: Request::Add {
            user_id: request.user_id.0,
            amount: request.amount,
            kind: request.transaction_type,
            payment_id: request.payment_id,
        },
    };
    let told_apart = posting.reference.is_some();
    caller.run(&state, None, told_apart, Work::Post(Box::new(posting))).await.map(answer)
}

fn transaction_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AddKind, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

fn payment_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Uuid>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    osaycore_directory::parse_uuid(&text).map(Some).ok_or_else(|| serde::de::Error::custom("not a UUID"))
}

/// What the wallet holds, as the user context says it.
#[derive(Serialize, ToSchema)]
pub(crate) struct BalanceSummary {
    #[schema(value_type = schemas::Credits)]
    pub(crate) balance: Credits,
    #[schema(value_type = schemas::Credits)]
    pub(crate) lifetime_earned: Credits,
    #[schema(value_type = schemas::Credits)]
    pub(crate) lifetime_spent: Credits,
    pub(crate) currency_unit: &'static str,
}

impl From<&Account> for BalanceSummary {
    fn from(account: &Account) -> Self {
        Self {
            balance: account.balance,
            lifetime_earned: account.lifetime_earned,
            lifetime_spent: account.lifetime_spent,
            currency_unit: "credits",
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "success": true, "balance": 89.50, "lifetime_earned": 100.00, "lifetime_spent": 10.50, "currency_unit": "credits",
    "held": 0.00, "available": 89.50, "floor": 0.00
})))]
struct BalanceResponse {
    success: bool,
    #[schema(value_type = schemas::Credits)]
    balance: Credits,
    #[schema(value_type = schemas::Credits)]
    lifetime_earned: Credits,
    #[schema(value_type = schemas::Credits)]
    lifetime_spent: Credits,
    currency_unit: &'static str,
    #[schema(value_type = schemas::Credits)]
    held: Credits,
    #[schema(value_type = schemas::Credits)]
    available: Credits,
    #[schema(value_type = schemas::Credits)]
    floor: Credits,
}

/// `GET /api/credits/balance`: the bearer's wallet.
#[utoipa::path(
    get, path = "/api/credits/balance", operation_id = "balance", tag = "Credits",
    security(("signature" = [], "token" = [])),
    responses((status = 200, description = "The wallet", body = BalanceResponse))
)]
async fn balance(state: Data<State>, caller: Caller, Bearer(claims): Bearer) -> Result<HttpResponse, ApiError> {
    let (_, account) = state.wallet(caller.app(), claims.sub).await?;
    json(&BalanceResponse {
        success: true,
        balance: account.balance,
        lifetime_earned: account.lifetime_earned,
        lifetime_spent: account.lifetime_spent,
        currency_unit: "credits",
        held: Credits::ZERO,
        available: account.balance,
        floor: account.floor,
    })
}

#[derive(Serialize, ToSchema)]
#[schema(examples(schemas::transactions_example))]
struct TransactionsResponse {
    success: bool,
    transactions: Vec<Transaction>,
    /// None: that was the last page.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// `GET /api/credits/transactions`: the bearer's wallet, newest first.
#[utoipa::path(
    get, path = "/api/credits/transactions", operation_id = "transactions", tag = "Credits",
    security(("signature" = [], "token" = [])),
    params(
        ("cursor" = Option<schemas::Cursor>, Query, description = "`next_cursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "How many at most; 50 unless given", minimum = 1, maximum = 200),
        ("type" = Option<schemas::EntryKind>, Query, description = "Of this kind alone"),
        ("from" = Option<schemas::Time>, Query, description = "From this moment on"),
        ("to" = Option<schemas::Time>, Query, description = "Before this moment"),
        ("reference" = Option<schemas::QueryText>, Query, description = "With this `client_reference_id`"),
    ),
    responses((status = 200, description = "A page of it", body = TransactionsResponse))
)]
async fn transactions(
    state: Data<State>,
    caller: Caller,
    Bearer(claims): Bearer,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let (query, limit) =
        history_query(&Query::parse(request.query_string(), &["cursor", "limit", "type", "from", "to", "reference"])?)?;
    let read = move |tx: &mut Tx<'_>, member: &Member| Ok(tx.history(member.user.id, &query)?);
    let (_, mut entries) = state.read_member(caller.app(), claims.sub, read).await?;
    // One more than asked for tells whether there is a next page.
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next_cursor = entries.last().filter(|_| more).map(|entry| entry.sequence.to_string());
    let configuration = state.snapshots.configuration();
    let transactions = entries
        .into_iter()
        .map(|entry| {
            let app_id = configuration.app_uuid(entry.app_id);
            Transaction::of(entry, app_id)
        })
        .collect();
    json(&TransactionsResponse { success: true, transactions, next_cursor })
}

fn history_query(query: &Query<'_>) -> Result<(HistoryQuery, usize), ApiError> {
    let limit = query.number("limit", 1..=200)?.unwrap_or(50);
    let kind = match query.text("type") {
        Some(kind) => Some(kind.parse::<EntryKind>().map_err(|error| ApiError::invalid("type", error))?),
        None => None,
    };
    let read = HistoryQuery {
        before_sequence: query.number("cursor", 1..=i64::MAX)?,
        limit: u32::try_from(limit.saturating_add(1)).unwrap_or(u32::MAX),
        kind,
        from_us: query.time("from")?,
        to_us: query.time("to")?,
        reference: query.text("reference").map(ToOwned::to_owned),
    };
    Ok((read, usize::try_from(limit).unwrap_or(usize::MAX)))
}
