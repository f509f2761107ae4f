//! One entry of a wallet; of a charge, what was given back of it, and the rest.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path};
use askama::Template;
use osaycore_directory::{Storage as _, User, parse_uuid};
use osaycore_ledger::{Amount, Entry, EntryKind};
use uuid::Uuid;

use super::wallet::{poster, word};
use super::{Frame, Section, Shell, Tab, When, change, note, read, resource};
use crate::admin::refunds::{self, Refunds};
use crate::error::{Code, Failure};
use crate::extract::console::{Editor, Filled, Form, Person, Refused};
use crate::store::lists;
use crate::store::tx::Tx;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/users/{id}/wallet/{transaction}", "GET").route(web::get().to(show)))
        .service(resource("/users/{id}/wallet/{transaction}/refund", "POST").route(web::post().to(refund)));
}

/// A refund as it is listed.
struct Row {
    transaction_id: Uuid,
    amount: String,
    when: When,
}

#[derive(Template)]
#[template(path = "console/users/entry.html")]
struct EntryPage<'a> {
    shell: Shell<'a>,
    frame: Frame<'a>,
    entry: &'a Entry,
    kind: &'static str,
    is_charge: bool,
    when: When,
    poster: String,
    /// The charge that this is a refund of.
    charge: Option<Uuid>,
    refunds: Vec<Row>,
    /// Of a charge, what can still be given back.
    left: Option<Amount>,
    form: &'a Filled,
}

/// An entry with what goes with it.
struct Known {
    entry: Entry,
    refunds: Option<Refunds>,
    poster: String,
}

/// `GET /console/users/{id}/wallet/{transaction}`
async fn show(person: Person, path: Path<(i64, String)>) -> Result<HttpResponse, Refused> {
    let (user, known) = find(&person, named(&path)?).await?;
    Ok(entry_page(&person, StatusCode::OK, &user, &known, None))
}

/// `POST /console/users/{id}/wallet/{transaction}/refund`
async fn refund(form: Form<Editor>, path: Path<(i64, String)>) -> Result<HttpResponse, Refused> {
    let Form { who: editor, mut filled } = form;
    let (id, transaction_id) = named(&path)?;
    let number: usize = filled.text("number").parse().map_err(|_| Refused::Unreadable)?;
    let (amount, description) = (filled.parse::<Amount>("amount"), note(&mut filled, "description", 1000));
    if let (Some(amount), false) = (amount, filled.has_problems()) {
        let given = change(&editor, id, move |tx, by, user| {
            let charge = lists::credits::find(tx, transaction_id)?.ok_or(Code::NotFound)?;
            refunds::refund(tx, by, user, &charge, number, amount, description.clone())
        });
        match given.await? {
            Ok((entry, was_there)) => {
                let told = if was_there {
                    format!("These {} credits were refunded before: nothing was given back again.", entry.amount)
                } else {
                    format!("{} credits were refunded. The balance is {}.", entry.amount, entry.balance_after)
                };
                return Ok(editor.go(&path_of(id, transaction_id), &told));
            }
            Err(error) if error.code == Code::NotFound => return Err(Refused::Missing),
            Err(error) => filled.refused_by(error)?,
        }
    }
    let (user, known) = find(&editor, (id, transaction_id)).await?;
    Ok(entry_page(&editor, StatusCode::UNPROCESSABLE_ENTITY, &user, &known, Some(&filled)))
}

/// The user and the transaction of a path.
fn named((user_id, transaction): &(i64, String)) -> Result<(i64, Uuid), Refused> {
    Ok((*user_id, parse_uuid(transaction).ok_or(Refused::Missing)?))
}

fn path_of(user_id: i64, transaction_id: Uuid) -> String {
    format!("{}/{transaction_id}", Tab::Wallet.path(user_id))
}

async fn find(person: &Person, (id, transaction_id): (i64, Uuid)) -> Result<(User, Known), Refused> {
    let (user, known) = read(person, id, move |tx, user| look(tx, user, transaction_id)).await?;
    Ok((user, known.ok_or(Refused::Missing)?))
}

/// None: the user has no such entry.
fn look(tx: &mut Tx<'_>, user: &User, transaction_id: Uuid) -> Result<Option<Known>, Failure> {
    let found = lists::credits::find(tx, transaction_id)?.filter(|entry| entry.account_id == user.id);
    let Some(entry) = found else { return Ok(None) };
    let refunds = (entry.kind == EntryKind::Deduction).then(|| refunds::of(tx, &entry)).transpose()?;
    let poster = poster(&tx.apps()?, entry.app_id);
    Ok(Some(Known { entry, refunds, poster }))
}

fn entry_page(
    person: &Person,
    status: StatusCode,
    user: &User,
    known: &Known,
    filled: Option<&Filled>,
) -> HttpResponse {
    let left = known.refunds.as_ref().and_then(|refunds| refunds.left);
    let empty = Filled::with([
        ("amount", left.map(|left| left.to_string()).unwrap_or_default()),
        ("number", known.refunds.as_ref().map_or(1, Refunds::next).to_string()),
    ]);
    let row = |entry: &Entry| Row {
        transaction_id: entry.transaction_id,
        amount: entry.amount.to_string(),
        when: When(entry.created_at_us),
    };
    let page = EntryPage {
        shell: Shell::new(person, Section::Users, user.username.as_str()),
        frame: Frame::new(person, user, Tab::Wallet),
        kind: word(known.entry.kind),
        is_charge: known.refunds.is_some(),
        when: When(known.entry.created_at_us),
        poster: known.poster.clone(),
        charge: refunds::charge_of(&known.entry),
        refunds: known.refunds.iter().flat_map(|refunds| &refunds.entries).map(row).collect(),
        left,
        entry: &known.entry,
        form: filled.unwrap_or(&empty),
    };
    person.page(status, &page)
}
