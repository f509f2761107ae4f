//! Wallets, their transactions, and payments.

use std::collections::{BTreeSet, HashMap};

use actix_web::http::header::ACCEPT;
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use osaycore_directory::{AdminScope, App, Storage as _, parse_uuid};
use osaycore_ledger::{AddKind, Amount, AmountError, Credits, Entry, EntryKind, Payment, PaymentStatus, Storage as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use super::streamed::{Written, stream};
use super::{List, PageQuery, asked, list_query, scoped};
use crate::admin::credits::{self, Addition, OPERATOR};
use crate::admin::users;
use crate::csv::{self, Cell};
use crate::error::{ApiError, Code, Failure};
use crate::extract::Text;
use crate::extract::admin::{Admin, AdminBody};
use crate::routes::query::Query;
use crate::routes::{resource, timestamp};
use crate::schemas;
use crate::server::State;
use crate::statement::Transaction;
use crate::store::lists::credits::Entries;
use crate::store::lists::payments::Payments;
use crate::store::lists::{self, Asked};
use crate::store::tx::Tx;

const READ: AdminScope = AdminScope::CreditsRead;
const WRITE: AdminScope = AdminScope::CreditsWrite;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/admin/v1/users/{user}/wallet", "GET").route(scoped(web::get().to(wallet), READ)))
        .service(resource("/admin/v1/users/{user}/credits", "POST").route(scoped(web::post().to(add), WRITE)))
        .service(resource("/admin/v1/users/{user}/floor", "PUT").route(scoped(web::put().to(set_floor), WRITE)))
        .service(resource("/admin/v1/transactions", "GET").route(scoped(web::get().to(list), READ)))
        .service(resource("/admin/v1/transactions.csv", "GET").route(scoped(web::get().to(table), READ)))
        .service(resource("/admin/v1/transactions/{transaction}", "GET").route(scoped(web::get().to(show), READ)))
        .service(resource("/admin/v1/payments", "GET").route(scoped(web::get().to(payments), READ)));
}

#[derive(OpenApi)]
#[openapi(paths(wallet, add, set_floor, list, table, show, payments))]
pub(super) struct Api;

/// What a user has.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "user_id": "59296d1b-6b9f-4ae6-b24d-ae3ac5d8a020", "balance": 89.50, "lifetime_earned": 100.00, "lifetime_spent": 10.50,
    "floor": 0.00, "transactions": 2
})))]
struct Wallet {
    user_id: Uuid,
    #[schema(value_type = schemas::Credits)]
    balance: Credits,
    #[schema(value_type = schemas::Credits)]
    lifetime_earned: Credits,
    #[schema(value_type = schemas::Credits)]
    lifetime_spent: Credits,
    #[schema(value_type = schemas::Credits)]
    floor: Credits,
    /// How many transactions there are.
    transactions: i64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"amount": 1.25, "transaction_type": "REFUND", "client_reference_id": "refund of order-1"})))]
struct AddCredits {
    #[schema(value_type = schemas::Amount)]
    amount: Amount,
    #[serde(deserialize_with = "transaction_type")]
    #[schema(value_type = schemas::AddKind)]
    transaction_type: AddKind,
    #[schema(inline)]
    description: Option<Text<0, 1000>>,
    /// The same again adds nothing and answers the same.
    #[schema(inline)]
    client_reference_id: Option<Text<1, 255>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AddedCredits, examples(json!({"transaction_id": "0199e1b6-5c3a-7b1e-9d2f-3a4b5c6d7e8f", "new_balance": 90.75})))]
struct Added {
    transaction_id: Uuid,
    #[schema(value_type = schemas::Credits)]
    new_balance: Credits,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"floor": -10})))]
struct SetFloor {
    /// What no deduction may take the balance below; negative: an overdraft.
    #[serde(deserialize_with = "sum")]
    #[schema(value_type = schemas::admin::Floor)]
    floor: Credits,
}

/// What a user's floor is now.
#[derive(Serialize, ToSchema)]
#[schema(as = UserFloor, examples(json!({"user_id": "59296d1b-6b9f-4ae6-b24d-ae3ac5d8a020", "floor": -10.00})))]
struct Floor {
    user_id: Uuid,
    #[schema(value_type = schemas::Credits)]
    floor: Credits,
}

/// A transaction, and whose it is.
#[derive(Serialize, ToSchema)]
#[schema(as = UserTransaction, examples(schemas::admin::transaction_example))]
struct TransactionView {
    /// None: the user is unknown.
    #[schema(required = true)]
    user_id: Option<Uuid>,
    #[serde(flatten)]
    transaction: Transaction,
}

/// A payment, and whose it is.
#[derive(Serialize, ToSchema)]
#[schema(as = UserPayment, examples(schemas::admin::payment_example))]
struct PaymentView {
    payment_id: Uuid,
    #[schema(required = true)]
    user_id: Option<Uuid>,
    #[schema(required = true)]
    app_id: Option<Uuid>,
    #[schema(value_type = schemas::Credits)]
    amount: Amount,
    currency: String,
    #[schema(value_type = Option<schemas::Credits>, required = true)]
    credits: Option<Amount>,
    #[schema(value_type = schemas::PaymentStatus)]
    status: &'static str,
    #[schema(required = true)]
    external_id: Option<String>,
    credited: bool,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

/// Which transactions a query asks for; users and apps are found in the transaction.
#[derive(Clone)]
struct Meant {
    entries: Entries,
    user: Option<String>,
    app: Option<String>,
}

const COLUMNS: [&str; 10] = [
    "transaction_id",
    "created_at",
    "user_id",
    "app_id",
    "type",
    "amount",
    "balance_after",
    "client_reference_id",
    "payment_id",
    "description",
];
const NARROWED_BY: [&str; 6] = ["user", "app", "type", "from", "to", "reference"];

/// `GET /api/admin/v1/users/{user}/wallet`: what a user has.
#[utoipa::path(
    get, path = "/api/admin/v1/users/{user}/wallet", operation_id = "adminWallet", tag = "Admin: credits",
    security(("admin" = ["credits:read"])),
    params(("user" = schemas::admin::WhichUser, Path)),
    responses((status = 200, description = "What the user has", body = Wallet))
)]
async fn wallet(state: Data<State>, admin: Admin, user: Path<String>) -> Result<HttpResponse, ApiError> {
    super::read(&state, &admin, move |tx| {
        let user = super::look_up(tx, &user)?;
        let account = tx.account(user.id)?.ok_or(Code::UserNotFound)?;
        Ok(Wallet {
            user_id: user.uuid,
            balance: account.balance,
            lifetime_earned: account.lifetime_earned,
            lifetime_spent: account.lifetime_spent,
            floor: account.floor,
            transactions: account.entries,
        })
    })
    .await
}

/// `POST /api/admin/v1/users/{user}/credits`: adds credits; with the same reference once.
#[utoipa::path(
    post, path = "/api/admin/v1/users/{user}/credits", operation_id = "adminAddCredits", tag = "Admin: credits",
    security(("admin" = ["credits:write"])),
    params(("user" = schemas::admin::WhichUser, Path)),
    request_body = AddCredits,
    responses((status = 200, description = "Added, or so before", body = Added)),
    extensions(("x-error-codes" = json!([Code::AmountScale, Code::AmountRange, Code::BalanceLimit])))
)]
async fn add(
    state: Data<State>,
    admin: Admin,
    user: Path<String>,
    AdminBody(asked): AdminBody<AddCredits>,
) -> Result<HttpResponse, ApiError> {
    let addition = Addition {
        amount: asked.amount,
        kind: asked.transaction_type,
        description: asked.description.map(|text| text.0),
        reference: asked.client_reference_id.map(|text| text.0),
    };
    super::change(&state, &admin, move |tx, by| {
        let user = super::user(tx, &user)?;
        let (entry, _) = credits::add(tx, by, &user, addition.clone())?;
        Ok(Added { transaction_id: entry.transaction_id, new_balance: entry.balance_after })
    })
    .await
}

/// `PUT /api/admin/v1/users/{user}/floor`: sets what no deduction may take the balance below.
#[utoipa::path(
    put, path = "/api/admin/v1/users/{user}/floor", operation_id = "adminSetFloor", tag = "Admin: credits",
    security(("admin" = ["credits:write"])),
    params(("user" = schemas::admin::WhichUser, Path)),
    request_body = SetFloor,
    responses((status = 200, description = "The floor now", body = Floor)),
    extensions(("x-error-codes" = json!([Code::AmountScale, Code::AmountRange])))
)]
async fn set_floor(
    state: Data<State>,
    admin: Admin,
    user: Path<String>,
    AdminBody(asked): AdminBody<SetFloor>,
) -> Result<HttpResponse, ApiError> {
    super::change(&state, &admin, move |tx, by| {
        let user = super::user(tx, &user)?;
        users::set_floor(tx, by, &user, asked.floor)?;
        Ok(Floor { user_id: user.uuid, floor: asked.floor })
    })
    .await
}

/// `GET /api/admin/v1/transactions`: transactions, newest first; as a table where `Accept` says `text/csv`.
#[utoipa::path(
    get, path = "/api/admin/v1/transactions", operation_id = "adminTransactions", tag = "Admin: credits",
    security(("admin" = ["credits:read"])),
    params(
        PageQuery, ("user" = Option<schemas::admin::WhichUser>, Query, description = "Of this user alone"),
        ("app" = Option<schemas::admin::WhichApp>, Query, description = "By this app alone"),
        ("type" = Option<schemas::EntryKind>, Query, description = "Of this kind alone"),
        ("from" = Option<schemas::Time>, Query, description = "From this moment on"),
        ("to" = Option<schemas::Time>, Query, description = "Before this moment"),
        ("reference" = Option<schemas::QueryText>, Query, description = "With this `client_reference_id`"),
    ),
    responses((status = 200, description = "A page of them, or with `Accept: text/csv` the table", content(
        (List<TransactionView> = "application/json"), (schemas::admin::Table = "text/csv")
    )))
)]
async fn list(state: Data<State>, admin: Admin, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let accepts = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/csv") {
        return table(state, admin, request).await;
    }
    let query = list_query(request.query_string(), &NARROWED_BY)?;
    let (asked, meant) = (asked(&query)?, Meant::of(&query)?);
    super::read(&state, &admin, move |tx| {
        let found = meant.found(tx)?;
        let (entries, next_cursor) = page(tx, &found, &asked)?;
        let items = views(tx, entries)?;
        Ok(List { items, next_cursor })
    })
    .await
}

/// `GET /api/admin/v1/transactions.csv`: all transactions as a table.
#[utoipa::path(
    get, path = "/api/admin/v1/transactions.csv", operation_id = "adminTransactionTable", tag = "Admin: credits",
    security(("admin" = ["credits:read"])),
    params(
        ("user" = Option<schemas::admin::WhichUser>, Query, description = "Of this user alone"),
        ("app" = Option<schemas::admin::WhichApp>, Query, description = "By this app alone"),
        ("type" = Option<schemas::EntryKind>, Query, description = "Of this kind alone"),
        ("from" = Option<schemas::Time>, Query, description = "From this moment on"),
        ("to" = Option<schemas::Time>, Query, description = "Before this moment"),
        ("reference" = Option<schemas::QueryText>, Query, description = "With this `client_reference_id`"),
    ),
    responses((
        status = 200, description = "A line each; one that is cut off lacks its last line",
        body = schemas::admin::Table, content_type = "text/csv"
    ))
)]
async fn table(state: Data<State>, admin: Admin, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let meant = Meant::of(&Query::parse(request.query_string(), &NARROWED_BY)?)?;
    // Once: whoever is called so later is somebody else.
    let found = state.read_aside(admin.tenant_id(), move |tx| meant.found(tx)).await?;
    let write = move |tx: &mut Tx<'_>, asked: &Asked| -> Result<Written, Failure> {
        let (entries, next) = page(tx, &found, asked)?;
        let lines = views(tx, entries)?.into_iter().flat_map(line);
        Ok((lines.collect(), next))
    };
    stream(state, &admin, "text/csv; charset=utf-8", csv::head(&COLUMNS), write).await
}

/// `GET /api/admin/v1/transactions/{transaction}`: a transaction.
#[utoipa::path(
    get, path = "/api/admin/v1/transactions/{transaction}", operation_id = "adminTransaction", tag = "Admin: credits",
    security(("admin" = ["credits:read"])),
    params(("transaction" = Uuid, Path, description = "The `transaction_id`")),
    responses((status = 200, description = "The transaction", body = TransactionView))
)]
async fn show(state: Data<State>, admin: Admin, id: Path<String>) -> Result<HttpResponse, ApiError> {
    let id = parse_uuid(&id).ok_or_else(|| ApiError::invalid("transaction", "must be a UUID"))?;
    super::read(&state, &admin, move |tx| {
        let missing = || ApiError::from(Code::NotFound).detail(format!("there is no transaction {id}"));
        let entry = lists::credits::find(tx, id)?.ok_or_else(missing)?;
        views(tx, vec![entry])?.pop().ok_or_else(|| Code::Internal.into())
    })
    .await
}

/// `GET /api/admin/v1/payments`: payments, newest first.
#[utoipa::path(
    get, path = "/api/admin/v1/payments", operation_id = "adminPayments", tag = "Admin: credits",
    security(("admin" = ["credits:read"])),
    params(
        PageQuery, ("user" = Option<schemas::admin::WhichUser>, Query, description = "Of this user alone"),
        ("app" = Option<schemas::admin::WhichApp>, Query, description = "By this app alone"),
        ("status" = Option<schemas::PaymentStatus>, Query, description = "Of this status alone"),
        ("external_id" = Option<schemas::QueryText>, Query, description = "With this id of yours"),
        ("from" = Option<schemas::Time>, Query, description = "From this moment on"),
        ("to" = Option<schemas::Time>, Query, description = "Before this moment"),
    ),
    responses((status = 200, description = "A page of them", body = List<PaymentView>))
)]
async fn payments(state: Data<State>, admin: Admin, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let query = list_query(request.query_string(), &["user", "app", "status", "external_id", "from", "to"])?;
    let status = query.text("status").map(str::parse::<PaymentStatus>).transpose();
    let mut meant = Payments {
        status: status.map_err(|error| ApiError::invalid("status", error))?,
        external_id: query.text("external_id").map(str::to_owned),
        from_us: query.time("from")?,
        to_us: query.time("to")?,
        ..Payments::default()
    };
    let asked = asked(&query)?;
    let [user, app] = ["user", "app"].map(|name| query.text(name).map(str::to_owned));
    super::read(&state, &admin, move |tx| {
        meant.account_id = user.as_ref().map(|named| super::look_up(tx, named)).transpose()?.map(|user| user.id);
        meant.app_id = super::optional_app(tx, app.as_ref())?.map(|app| app.id);
        let apps = tx.apps()?;
        let ids: Vec<i64> = apps.iter().map(|app| app.id).collect();
        let page = lists::payments::list(tx, &meant, &ids, &asked)?;
        let owners = owners(tx, page.items.iter().map(|payment| payment.account_id))?;
        let view = |payment: Payment| PaymentView::of(payment, &owners, &apps);
        Ok(List::from(page.map(view)))
    })
    .await
}

impl Meant {
    fn of(query: &Query<'_>) -> Result<Self, ApiError> {
        let kind = query.text("type").map(str::parse::<EntryKind>).transpose();
        let entries = Entries {
            kind: kind.map_err(|error| ApiError::invalid("type", error))?,
            reference: query.text("reference").map(str::to_owned),
            from_us: query.time("from")?,
            to_us: query.time("to")?,
            ..Entries::default()
        };
        let [user, app] = ["user", "app"].map(|name| query.text(name).map(str::to_owned));
        Ok(Self { entries, user, app })
    }

    /// With the user and the app, by number.
    fn found(&self, tx: &mut Tx<'_>) -> Result<Entries, Failure> {
        let user = self.user.as_ref().map(|named| super::look_up(tx, named)).transpose()?;
        let app = super::optional_app(tx, self.app.as_ref())?;
        let (account_id, app_id) = (user.map(|user| user.id), app.map(|app| app.id));
        Ok(Entries { account_id, app_id, ..self.entries.clone() })
    }
}

fn page(tx: &mut Tx<'_>, meant: &Entries, asked: &Asked) -> Result<(Vec<Entry>, Option<String>), Failure> {
    let apps: Vec<i64> = match meant.app_id {
        Some(app_id) => vec![app_id],
        None => tx.apps()?.iter().map(|app| app.id).chain([OPERATOR]).collect(),
    };
    let page = lists::credits::list(tx, meant, &apps, asked)?;
    Ok((page.items, page.next))
}

/// A row of the table; what apps have written is no formula in it.
fn line(TransactionView { user_id, transaction }: TransactionView) -> Vec<u8> {
    let optional = |id: Option<Uuid>| Cell::Plain(id.map(|id| id.to_string()).unwrap_or_default());
    csv::row([
        Cell::Plain(transaction.transaction_id.to_string()),
        Cell::Plain(transaction.created_at),
        optional(user_id),
        optional(transaction.app_id),
        Cell::Plain(transaction.r#type.to_owned()),
        Cell::Plain(transaction.amount.to_string()),
        Cell::Plain(transaction.balance_after.to_string()),
        Cell::Text(transaction.client_reference_id.unwrap_or_default()),
        optional(transaction.payment_id),
        Cell::Text(transaction.description.unwrap_or_default()),
    ])
}

fn views(tx: &mut Tx<'_>, entries: Vec<Entry>) -> Result<Vec<TransactionView>, Failure> {
    let (apps, owners) = (tx.apps()?, owners(tx, entries.iter().map(|entry| entry.account_id))?);
    let view = |entry: Entry| {
        let user_id = owners.get(&entry.account_id).copied();
        let app_id = uuid_of(&apps, entry.app_id);
        TransactionView { user_id, transaction: Transaction::of(entry, app_id) }
    };
    Ok(entries.into_iter().map(view).collect())
}

/// The public ids of the users of these accounts.
fn owners(tx: &mut Tx<'_>, accounts: impl Iterator<Item = i64>) -> Result<HashMap<i64, Uuid>, Failure> {
    let ids: Vec<i64> = accounts.collect::<BTreeSet<_>>().into_iter().collect();
    Ok(lists::users::by_ids(tx, &ids)?.into_iter().map(|user| (user.id, user.uuid)).collect())
}

fn uuid_of(apps: &[App], id: i64) -> Option<Uuid> {
    apps.iter().find(|app| app.id == id).map(|app| app.uuid)
}

impl PaymentView {
    fn of(payment: Payment, owners: &HashMap<i64, Uuid>, apps: &[App]) -> Self {
        Self {
            payment_id: payment.id,
            user_id: owners.get(&payment.account_id).copied(),
            app_id: uuid_of(apps, payment.app_id),
            amount: payment.amount,
            currency: payment.currency.as_str().to_owned(),
            credits: payment.credits,
            status: payment.status.as_str(),
            external_id: payment.external_id,
            credited: payment.credited.is_some(),
            created_at: timestamp(payment.created_at_us),
            updated_at: timestamp(payment.updated_at_us),
        }
    }
}

fn transaction_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AddKind, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

fn sum<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Credits, D::Error> {
    let token = <&RawValue>::deserialize(deserializer)?.get();
    let text = token.trim_matches('"');
    // JSON writes small numbers with an exponent, which amounts have a reader for.
    let number = || {
        let (unsigned, sign) = text.strip_prefix('-').map_or((text, 1), |unsigned| (unsigned, -1));
        let amount = Amount::parse_json_token(unsigned)?;
        Credits::from_micros(amount.micros().saturating_mul(sign)).ok_or(AmountError::TooLarge)
    };
    let read = if text.len() == token.len() && text.contains(['e', 'E']) { number() } else { text.parse() };
    read.map_err(serde::de::Error::custom)
}
