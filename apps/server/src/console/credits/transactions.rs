//! The transactions of the tenant: listed, one by one, and as a file.

use actix_web::http::StatusCode;
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use osaycore_ledger::{Entry, EntryKind};
use uuid::Uuid;

use super::{Between, CREDITS, List, Names, Section, Shell, Ways, When, download, list, resource};
use crate::admin::credits::OPERATOR;
use crate::csv::{self, Cell};
use crate::error::Failure;
use crate::extract::console::{Filled, Person, Refused};
use crate::statement::timestamp;
use crate::store::lists::credits::{self, Entries};
use crate::store::lists::{Asked, Page};
use crate::store::tx::Tx;
use osaycore_directory::Storage as _;

const FIELDS: [&str; 6] = ["kind", "app", "user", "reference", "from", "to"];
const COLUMNS: [&str; 11] = [
    "time",
    "transaction_id",
    "user",
    "user_id",
    "type",
    "amount",
    "balance_after",
    "app",
    "reference",
    "description",
    "payment_id",
];
/// The kinds, for whoever chooses one.
const KINDS: [(&str, &str); 7] = [
    ("", "Any"),
    ("DEDUCTION", "Deduction: spent"),
    ("PURCHASE", "Purchase: bought"),
    ("BONUS", "Bonus: given"),
    ("REFUND", "Refund: given back"),
    ("ADJUSTMENT", "Adjustment: put right"),
    ("EARNED", "Earned"),
];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/credits", "GET").route(web::get().to(show_all)))
        .service(resource("/credits/transactions.csv", "GET").route(web::get().to(export)))
        .service(resource("/credits/{transaction}", "GET").route(web::get().to(show)));
}

struct Row {
    entry: Entry,
    at: When,
    user: String,
    app: String,
}

#[derive(Template)]
#[template(path = "console/credits/transactions.html")]
struct ListPage<'a> {
    shell: Shell<'a>,
    form: &'a Filled,
    kinds: [(&'static str, &'static str); 7],
    apps: Vec<(String, String)>,
    rows: Vec<Row>,
    ways: Ways,
}

#[derive(Template)]
#[template(path = "console/credits/transaction.html")]
struct EntryPage<'a> {
    shell: Shell<'a>,
    row: Row,
    /// There is such an app, to go to.
    app_is_known: bool,
}

/// `GET /console/credits`
async fn show_all(person: Person, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let mut list = List::of(&request)?;
    let meant = meant(&person, &mut list.filters).await?;
    let is_wrong = list.filters.has_problems();
    let asked = list.page.clone();
    let read = move |tx: &mut Tx<'_>| {
        if is_wrong {
            return Ok((Page { items: Vec::new(), next: None }, Names::of(tx, [])?));
        }
        let page = read(tx, &meant, &asked)?;
        let names = Names::of(tx, page.items.iter().map(|entry| entry.account_id))?;
        Ok((page, names))
    };
    let (page, names) = person.read(read).await?;
    let shell = Shell::new(&person, Section::Credits, "Credits");
    let ways = list.ways(CREDITS, &format!("{CREDITS}/transactions.csv"), &FIELDS, page.next);
    let apps = names.app_choices(&[("", "Any"), ("0", "None: an operator")]);
    let rows = page.items.into_iter().map(|entry| Row::of(entry, &names)).collect();
    let status = if is_wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(person.page(status, &ListPage { shell, form: &list.filters, kinds: KINDS, apps, rows, ways }))
}

/// `GET /console/credits/transactions.csv`
async fn export(person: Person, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let mut list = List::of(&request)?;
    let meant = meant(&person, &mut list.filters).await?;
    if list.filters.has_problems() {
        // The list says what is wrong, beside the fields.
        return Ok(crate::extract::console::see_other(&list.ways(CREDITS, CREDITS, &FIELDS, None).export));
    }
    let pieces = move |tx: &mut Tx<'_>, asked: &Asked| {
        let page = read(tx, &meant, asked)?;
        let names = Names::of(tx, page.items.iter().map(|entry| entry.account_id))?;
        Ok(page.map(|entry| line(entry, &names)))
    };
    Ok(download::file(person, ("transactions.csv", "text/csv; charset=utf-8"), csv::head(&COLUMNS), pieces))
}

/// `GET /console/credits/{transaction}`
async fn show(person: Person, id: Path<Uuid>) -> Result<HttpResponse, Refused> {
    let id = *id;
    let found = person.read(move |tx| {
        let Some(entry) = credits::find(tx, id)? else { return Ok(None) };
        let names = Names::of(tx, [entry.account_id])?;
        Ok(Some((entry, names)))
    });
    let (entry, names) = list::found(found.await)?;
    let shell = Shell::new(&person, Section::Credits, "Transaction");
    let app_is_known = names.knows_app(entry.app_id);
    Ok(person.show(&EntryPage { shell, row: Row::of(entry, &names), app_is_known }))
}

/// What the filters mean; what is wrong with them is noted beside them.
async fn meant(person: &Person, filters: &mut Filled) -> Result<Entries, Refused> {
    let between = Between::of(filters);
    Ok(Entries {
        account_id: list::user(person, filters).await?,
        app_id: filters.optional::<i64>("app"),
        kind: filters.optional::<EntryKind>("kind"),
        reference: Some(filters.text("reference").to_owned()).filter(|reference| !reference.is_empty()),
        from_us: between.from_us,
        to_us: between.to_us,
    })
}

fn read(tx: &mut Tx<'_>, meant: &Entries, asked: &Asked) -> Result<Page<Entry>, Failure> {
    let apps: Vec<i64> = match &meant.reference {
        Some(_) => tx.apps()?.into_iter().map(|app| app.id).chain([OPERATOR]).collect(),
        None => Vec::new(),
    };
    Ok(credits::list(tx, meant, &apps, asked)?)
}

fn line(entry: Entry, names: &Names) -> Vec<u8> {
    let optional = |id: Option<Uuid>| Cell::Plain(id.map(|id| id.to_string()).unwrap_or_default());
    csv::row([
        Cell::Plain(timestamp(entry.created_at_us)),
        Cell::Plain(entry.transaction_id.to_string()),
        Cell::Text(names.user(entry.account_id)),
        Cell::Plain(names.user_uuid(entry.account_id)),
        Cell::Plain(entry.kind.to_string()),
        Cell::Plain(entry.amount.to_string()),
        Cell::Plain(entry.balance_after.to_string()),
        Cell::Text(names.app(entry.app_id)),
        Cell::Text(entry.reference.unwrap_or_default()),
        Cell::Text(entry.description.unwrap_or_default()),
        optional(entry.payment_id),
    ])
}

impl Row {
    fn of(entry: Entry, names: &Names) -> Self {
        Self { at: When(entry.created_at_us), user: names.user(entry.account_id), app: names.app(entry.app_id), entry }
    }
}
