//! Payments that apps have made known.

use actix_web::http::StatusCode;
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use osaycore_directory::Storage as _;
use osaycore_ledger::{Entry, Payment, PaymentStatus, Storage as _};
use uuid::Uuid;

use super::{Between, CREDITS, List, Names, Section, Shell, Ways, When, list, resource};
use crate::extract::console::{Filled, Person, Refused};
use crate::store::lists::Page;
use crate::store::lists::payments::{self, Payments};
use crate::store::tx::Tx;

const FIELDS: [&str; 6] = ["status", "app", "user", "external_id", "from", "to"];
const STATUSES: [(&str, &str); 4] =
    [("", "Any"), ("pending", "Pending"), ("succeeded", "Succeeded"), ("failed", "Failed")];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/credits/payments", "GET").route(web::get().to(show_all)))
        .service(resource("/credits/payments/{payment}", "GET").route(web::get().to(show)));
}

struct Row {
    payment: Payment,
    at: When,
    user: String,
    app: String,
}

#[derive(Template)]
#[template(path = "console/credits/payments.html")]
struct ListPage<'a> {
    shell: Shell<'a>,
    form: &'a Filled,
    statuses: [(&'static str, &'static str); 4],
    apps: Vec<(String, String)>,
    rows: Vec<Row>,
    ways: Ways,
}

#[derive(Template)]
#[template(path = "console/credits/payment.html")]
struct PaymentPage<'a> {
    shell: Shell<'a>,
    row: Row,
    changed: When,
    /// What was credited for it.
    credited: Option<Entry>,
    app_is_known: bool,
}

/// `GET /console/credits/payments`
async fn show_all(person: Person, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let mut list = List::of(&request)?;
    let between = Between::of(&mut list.filters);
    let external_id = list.filters.text("external_id").to_owned();
    let meant = Payments {
        account_id: list::user(&person, &mut list.filters).await?,
        app_id: list.filters.optional::<i64>("app"),
        status: list.filters.optional::<PaymentStatus>("status"),
        external_id: Some(external_id).filter(|id| !id.is_empty()),
        from_us: between.from_us,
        to_us: between.to_us,
    };
    let (is_wrong, asked) = (list.filters.has_problems(), list.page.clone());
    let read = move |tx: &mut Tx<'_>| {
        if is_wrong {
            return Ok((Page { items: Vec::new(), next: None }, Names::of(tx, [])?));
        }
        let apps: Vec<i64> = tx.apps()?.into_iter().map(|app| app.id).collect();
        let page = payments::list(tx, &meant, &apps, &asked)?;
        let names = Names::of(tx, page.items.iter().map(|payment| payment.account_id))?;
        Ok((page, names))
    };
    let (page, names) = person.read(read).await?;
    let path = format!("{CREDITS}/payments");
    let page_of_list = ListPage {
        shell: Shell::new(&person, Section::Credits, "Payments"),
        ways: list.ways(&path, &path, &FIELDS, page.next),
        form: &list.filters,
        statuses: STATUSES,
        apps: names.app_choices(&[("", "Any")]),
        rows: page.items.into_iter().map(|payment| Row::of(payment, &names)).collect(),
    };
    Ok(person.page(if is_wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &page_of_list))
}

/// `GET /console/credits/payments/{payment}`
async fn show(person: Person, id: Path<Uuid>) -> Result<HttpResponse, Refused> {
    let id = *id;
    let found = person.read(move |tx| {
        let Some(payment) = tx.payment(id)? else { return Ok(None) };
        let credited = match payment.credited {
            Some(key) => tx.entry(key)?,
            None => None,
        };
        let names = Names::of(tx, [payment.account_id])?;
        Ok(Some((payment, credited, names)))
    });
    let (payment, credited, names) = list::found(found.await)?;
    let page = PaymentPage {
        shell: Shell::new(&person, Section::Credits, "Payment"),
        changed: When(payment.updated_at_us),
        app_is_known: names.knows_app(payment.app_id),
        row: Row::of(payment, &names),
        credited,
    };
    Ok(person.show(&page))
}

impl Row {
    fn of(payment: Payment, names: &Names) -> Self {
        Self {
            at: When(payment.created_at_us),
            user: names.user(payment.account_id),
            app: names.app(payment.app_id),
            payment,
        }
    }
}
