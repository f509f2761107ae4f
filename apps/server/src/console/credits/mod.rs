//! Credits: what was spent and added in the whole tenant, and what was paid.

mod payments;
mod transactions;

use actix_web::web;

use super::list::{self, Between, List, Ways};
use super::names::Names;
use super::text::When;
use super::{Section, Shell, download, resource};

const CREDITS: &str = "/console/credits";

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.configure(payments::configure).configure(transactions::configure);
}
