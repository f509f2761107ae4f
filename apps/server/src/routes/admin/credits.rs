//! Wallets, their transactions, and payments.

use std::collections::HashMap;

use actix_web::http::header::ACCEPT;
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use osaycore_directory::{AdminScope, App, Storage as _, UserRef, parse_uuid};
use osaycore_ledger::{AddKind, Amount, Credits, Entry, EntryKind, Payment, PaymentStatus, Storage as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::csv::{Written, line, stream};
use super::{List, asked, list_query, scoped};
use crate::admin::credits::{self, Addition, OPERATOR};
use crate::admin::users;
use crate::error::{ApiError, Code, Failure};
use crate::extract::Text;
use crate::extract::admin::{Admin, AdminBody};
use crate::routes::query::Query;
use crate::routes::{resource, timestamp};
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

/// What a user has.
#[derive(Serialize)]
struct Wallet {
    user_id: Uuid,
    balance: Credits,
    lifetime_earned: Credits,
    lifetime_spent: Credits,
    floor: Credits,
    /// How many transactions there are.
    transactions: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddCredits {
    amount: Amount,
    #[serde(deserialize_with = "transaction_type")]
    transaction_type: AddKind,
    description: Option<Text<0, 1000>>,
    /// The same again adds nothing and answers the same.
    client_reference_id: Option<Text<1, 255>>,
}

#[derive(Serialize)]
struct Added {
    transaction_id: Uuid,
    new_balance: Credits,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetFloor {
    /// What no deduction may take the balance below; negative: an overdraft.
    #[serde(deserialize_with = "sum")]
    floor: Credits,
}

/// What a user's floor is now.
#[derive(Serialize)]
struct Floor {
    user_id: Uuid,
    floor: Credits,
}

/// A transaction, and whose it is.
#[derive(Serialize)]
struct TransactionView {
    /// None: the user is unknown.
    user_id: Option<Uuid>,
    #[serde(flatten)]
    transaction: Transaction,
}

/// A payment, and whose it is.
#[derive(Serialize)]
struct PaymentView {
    payment_id: Uuid,
    user_id: Option<Uuid>,
    app_id: Option<Uuid>,
    amount: Amount,
    currency: String,
    credits: Option<Amount>,
    status: &'static str,
    external_id: Option<String>,
    credited: bool,
    created_at: String,
    updated_at: String,
}

/// Which transactions a query asks for; users and apps are found in the transaction.
#[derive(Clone)]
struct Meant {
    entries: Entries,
    user: Option<String>,
    app: Option<String>,
}

const NARROWED_BY: [&str; 6] = ["user", "app", "type", "from", "to", "reference"];

/// `GET /api/admin/v1/users/{user}/wallet`
async fn wallet(state: Data<State>, admin: Admin, user: Path<String>) -> Result<HttpResponse, ApiError> {
    super::read(&state, &admin, move |tx| {
        let user = super::user(tx, &user)?;
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

/// `POST /api/admin/v1/users/{user}/credits`
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

/// `PUT /api/admin/v1/users/{user}/floor`
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

/// `GET /api/admin/v1/transactions`: newest first; as a table where `Accept` says `text/csv`.
async fn list(state: Data<State>, admin: Admin, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let accepts = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/csv") {
        return table(state, admin, request).await;
    }
    let query = list_query(request.query_string(), &NARROWED_BY)?;
    let (asked, meant) = (asked(&query)?, Meant::of(&query)?);
    super::read(&state, &admin, move |tx| {
        let (entries, next_cursor) = meant.page(tx, &asked)?;
        let items = views(tx, entries)?;
        Ok(List { items, next_cursor })
    })
    .await
}

/// `GET /api/admin/v1/transactions.csv`: all of them.
async fn table(state: Data<State>, admin: Admin, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    const HEAD: &str = "transaction_id,created_at,user_id,app_id,type,amount,balance_after,client_reference_id,\
                        payment_id,description\r\n";
    let meant = Meant::of(&Query::parse(request.query_string(), &NARROWED_BY)?)?;
    let write = move |tx: &mut Tx<'_>, asked: &Asked| -> Result<Written, Failure> {
        let (entries, next) = meant.page(tx, asked)?;
        let mut out = String::new();
        for TransactionView { user_id, transaction } in views(tx, entries)? {
            let optional = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
            line(
                &mut out,
                &[
                    &transaction.transaction_id.to_string(),
                    &transaction.created_at,
                    &optional(user_id),
                    &optional(transaction.app_id),
                    transaction.r#type,
                    &transaction.amount.to_string(),
                    &transaction.balance_after.to_string(),
                    transaction.client_reference_id.as_deref().unwrap_or_default(),
                    &optional(transaction.payment_id),
                    transaction.description.as_deref().unwrap_or_default(),
                ],
            );
        }
        Ok((out.into_bytes(), next))
    };
    stream(state, &admin, "text/csv; charset=utf-8", HEAD, write).await
}

/// `GET /api/admin/v1/transactions/{transaction}`
async fn show(state: Data<State>, admin: Admin, id: Path<String>) -> Result<HttpResponse, ApiError> {
    let id = parse_uuid(&id).ok_or_else(|| ApiError::invalid("transaction", "must be a UUID"))?;
    super::read(&state, &admin, move |tx| {
        let missing = || ApiError::from(Code::NotFound).detail(format!("there is no transaction {id}"));
        let entry = lists::credits::find(tx, id)?.ok_or_else(missing)?;
        views(tx, vec![entry])?.pop().ok_or_else(|| Code::Internal.into())
    })
    .await
}

/// `GET /api/admin/v1/payments`: newest first.
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
        meant.account_id = user.as_ref().map(|named| super::user(tx, named)).transpose()?.map(|user| user.id);
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

    fn page(&self, tx: &mut Tx<'_>, asked: &Asked) -> Result<(Vec<Entry>, Option<String>), Failure> {
        let user = self.user.as_ref().map(|named| super::user(tx, named)).transpose()?;
        let app = super::optional_app(tx, self.app.as_ref())?;
        let (account_id, app_id) = (user.map(|user| user.id), app.map(|app| app.id));
        let meant = Entries { account_id, app_id, ..self.entries.clone() };
        let apps: Vec<i64> = match app_id {
            Some(app_id) => vec![app_id],
            None => tx.apps()?.iter().map(|app| app.id).chain([OPERATOR]).collect(),
        };
        let page = lists::credits::list(tx, &meant, &apps, asked)?;
        Ok((page.items, page.next))
    }
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
    let mut owners = HashMap::new();
    for id in accounts {
        if !owners.contains_key(&id)
            && let Some(user) = tx.user(&UserRef::Id(id))?
        {
            owners.insert(id, user.uuid);
        }
    }
    Ok(owners)
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
    let token = <&RawValue>::deserialize(deserializer)?;
    token.get().trim_matches('"').parse().map_err(serde::de::Error::custom)
}
