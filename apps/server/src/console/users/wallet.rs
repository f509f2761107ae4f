//! A user's wallet: what is in it, how it came there, and more of it.

use actix_web::http::StatusCode;
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use osaycore_directory::{App, Storage as _, User};
use osaycore_ledger::{Account, AddKind, Amount, Credits, Entry, EntryKind, Storage as _};

use super::{Frame, Pages, ROWS, Section, Shell, Tab, When, asked, change, note, read, resource};
use crate::admin::credits::{self, Addition, OPERATOR};
use crate::admin::users;
use crate::error::{Code, Failure};
use crate::extract::console::{Editor, Filled, Form, Person, Refused};
use crate::store::lists::credits::Entries;
use crate::store::lists::{self, Asked};
use crate::store::tx::Tx;
use crate::system;

const KINDS: [(&str, &str); 5] = [
    ("BONUS", "Bonus: they are given"),
    ("ADJUSTMENT", "Adjustment: they put something right"),
    ("PURCHASE", "Purchase: they were bought"),
    ("EARNED", "Earned: they were earned"),
    ("REFUND", "Refund: they are given back"),
];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/users/{id}/wallet", "GET").route(web::get().to(show)))
        .service(resource("/users/{id}/wallet/add", "POST").route(web::post().to(add)))
        .service(resource("/users/{id}/wallet/floor", "POST").route(web::post().to(set_floor)));
}

/// An entry as it is listed.
struct Row {
    entry: Entry,
    kind: &'static str,
    when: When,
    /// Who posted it.
    poster: String,
}

#[derive(Template)]
#[template(path = "console/users/wallet.html")]
struct WalletPage<'a> {
    shell: Shell<'a>,
    frame: Frame<'a>,
    account: Account,
    rows: Vec<Row>,
    pages: Pages,
    kinds: [(&'static str, &'static str); 5],
    form: &'a Filled,
}

/// `GET /console/users/{id}/wallet`
async fn show(person: Person, request: HttpRequest, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let (page, _) = asked(&request)?;
    wallet_page(&person, StatusCode::OK, *id, page, None).await
}

/// `POST /console/users/{id}/wallet/add`
async fn add(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, mut filled } = form;
    let (amount, kind) = (filled.parse::<Amount>("amount"), filled.parse::<AddKind>("kind"));
    if filled.text("reference").trim().is_empty() {
        filled.refuse("reference", "without one a form that is sent twice would add twice");
    }
    let (description, reference) = (note(&mut filled, "description", 1000), note(&mut filled, "reference", 255));
    if let (Some(amount), Some(kind), false) = (amount, kind, filled.has_problems()) {
        let addition = Addition { amount, kind, description, reference };
        let added = change(&editor, *id, move |tx, by, user| credits::add(tx, by, user, addition.clone()));
        match added.await? {
            Ok((entry, was_there)) => {
                let told = if was_there {
                    format!(
                        "These {} credits were added before under this reference: nothing was added again.",
                        entry.amount
                    )
                } else {
                    format!("{} credits were added. The balance is {}.", entry.amount, entry.balance_after)
                };
                return Ok(editor.go(&Tab::Wallet.path(*id), &told));
            }
            // The fault's field is the one that differs; what is at fault is the reference.
            Err(error) if error.code == Code::ReferenceConflict && error.field_name().is_some() => {
                filled.refuse("reference", "other credits were added under this reference: take another one");
            }
            Err(error) => filled.refused_by(error)?,
        }
    }
    refused(&editor, *id, filled).await
}

/// `POST /console/users/{id}/wallet/floor`
async fn set_floor(form: Form<Editor>, id: Path<i64>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, mut filled } = form;
    if let Some(floor) = filled.parse::<Credits>("floor") {
        match change(&editor, *id, move |tx, by, user| users::set_floor(tx, by, user, floor)).await? {
            Ok(()) => return Ok(editor.go(&Tab::Wallet.path(*id), &format!("The floor is {floor} now."))),
            Err(error) => filled.refused_by(error)?,
        }
    }
    refused(&editor, *id, filled).await
}

async fn refused(person: &Person, id: i64, form: Filled) -> Result<HttpResponse, Refused> {
    let first = Asked { cursor: None, limit: ROWS };
    wallet_page(person, StatusCode::UNPROCESSABLE_ENTITY, id, first, Some(form)).await
}

async fn wallet_page(
    person: &Person,
    status: StatusCode,
    id: i64,
    page: Asked,
    form: Option<Filled>,
) -> Result<HttpResponse, Refused> {
    let wanted = page.clone();
    let (user, (account, entries, apps)) = read(person, id, move |tx, user| look(tx, user, &wanted)).await?;
    let form = form.unwrap_or_default().or([
        ("kind", "BONUS".to_owned()),
        // So that a form that is sent twice adds once.
        ("reference", format!("console-{}", system::uuid())),
        ("floor", account.floor.to_string()),
    ]);
    let rows = entries.items.into_iter().map(|entry| Row {
        when: When(entry.created_at_us),
        poster: poster(&apps, entry.app_id),
        kind: word(entry.kind),
        entry,
    });
    let page = WalletPage {
        shell: Shell::new(person, Section::Users, user.username.as_str()),
        frame: Frame::new(person, &user, Tab::Wallet),
        account,
        rows: rows.collect(),
        pages: Pages::new(&Tab::Wallet.path(id), &[], &page, entries.next),
        kinds: KINDS,
        form: &form,
    };
    Ok(person.page(status, &page))
}

fn look(tx: &mut Tx<'_>, user: &User, page: &Asked) -> Result<(Account, lists::Page<Entry>, Vec<App>), Failure> {
    let account = tx.account(user.id)?.ok_or(Code::UserNotFound)?;
    let meant = Entries { account_id: Some(user.id), ..Entries::default() };
    Ok((account, lists::credits::list(tx, &meant, &[], page)?, tx.apps()?))
}

/// The kind of an entry as people say it.
pub(super) fn word(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Deduction => "Charge",
        EntryKind::Purchase => "Purchase",
        EntryKind::Bonus => "Bonus",
        EntryKind::Refund => "Refund",
        EntryKind::Adjustment => "Adjustment",
        EntryKind::Earned => "Earned",
    }
}

/// Who posted an entry, by name.
pub(super) fn poster(apps: &[App], app_id: i64) -> String {
    if app_id == OPERATOR {
        return "An operator".to_owned();
    }
    apps.iter().find(|app| app.id == app_id).map_or_else(|| format!("App {app_id}"), |app| app.name.to_string())
}
