//! The first page: what needs attention, and what went on.

mod charts;
mod concerns;

use actix_web::HttpResponse;
use actix_web::web::{self, Query};
use askama::Template;
use serde::Deserialize;

use super::chart::Chart;
use super::{Section, Shell, resource};
use crate::extract::console::{Person, Refused};
use crate::store::tallies;
use crate::system;
use charts::Range;
use concerns::Concern;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(resource("", "GET").route(web::get().to(show)));
}

#[derive(Deserialize)]
struct Asked {
    range: Option<String>,
}

#[derive(Template)]
#[template(path = "console/overview.html")]
struct OverviewPage<'a> {
    shell: Shell<'a>,
    concerns: Vec<Concern>,
    range: Range,
    charts: Vec<Chart>,
    /// The transactions of what the charts show.
    spent_path: String,
}

/// `GET /console`
async fn show(person: Person, asked: Query<Asked>) -> Result<HttpResponse, Refused> {
    let now_us = system::now_us();
    let range = asked.range.as_deref().and_then(Range::named).unwrap_or(Range::Day);
    let (admin_id, from) = (person.admin.id, range.first_hour(now_us));
    let (tallies, mut concerns) =
        person.read(move |tx| Ok((tallies::since(tx, from)?, concerns::of_tenant(tx, admin_id, now_us)?))).await?;
    concerns.extend(concerns::of_deployment(person.state.public_url()?));
    let shell = Shell::new(&person, Section::Overview, "Overview");
    let charts = charts::of(&tallies, range, now_us);
    let spent_path = charts::spent_path(range, now_us);
    Ok(person.show(&OverviewPage { shell, concerns, range, charts, spent_path }))
}
