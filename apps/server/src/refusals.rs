//! Refusals that no transaction belongs to, counted: one audit event per app, address, reason and minute, so that
//! nobody without a key can fill the disk.

use std::collections::HashMap;
use std::sync::Mutex;

use osaycore_audit::{Action, Actor, Event, Log};

use crate::admin::By;
use crate::group_commit::{Job, Work, Writer};

/// What is counted together. More than so many in a minute go under no address.
const KINDS: usize = 10_000;
/// Where a refusal is filed that belongs to no known app: the first tenant's log.
const FIRST_TENANT: i64 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kind {
    minute: i64,
    tenant_id: i64,
    app_id: Option<i64>,
    address: Option<String>,
    action: Action,
    reason: &'static str,
}

/// The counts of the current minute.
#[derive(Default)]
pub(crate) struct Refusals {
    counts: Mutex<HashMap<Kind, u64>>,
}

/// One refusal.
pub(crate) struct Refusal<'a> {
    /// Tenant and app, where the API key was known.
    pub(crate) app: Option<(i64, i64)>,
    pub(crate) address: &'a str,
    pub(crate) action: Action,
    pub(crate) reason: &'static str,
}

impl Refusals {
    /// Counts one.
    pub(crate) fn count(&self, refusal: &Refusal<'_>, now_us: i64) {
        let mut kind = Kind {
            minute: minute(now_us),
            tenant_id: refusal.app.map_or(FIRST_TENANT, |(tenant_id, _)| tenant_id),
            app_id: refusal.app.map(|(_, app_id)| app_id),
            address: Some(refusal.address.to_owned()),
            action: refusal.action,
            reason: refusal.reason,
        };
        let Ok(mut counts) = self.counts.lock() else { return };
        if counts.len() >= KINDS && !counts.contains_key(&kind) {
            kind.address = None;
        }
        *counts.entry(kind).or_insert(0) += 1;
    }

    /// Writes the minutes that are over, or with `all` also the current one.
    pub(crate) async fn write(&self, writer: &Writer, now_us: i64, all: bool) {
        let mut events: HashMap<i64, Vec<Event>> = HashMap::new();
        if let Ok(mut counts) = self.counts.lock() {
            counts.retain(|kind, count| {
                let over = all || kind.minute < minute(now_us);
                if over {
                    events.entry(kind.tenant_id).or_default().push(event(kind, *count, now_us));
                }
                !over
            });
        }
        for (tenant_id, events) in events {
            let by = By::system(tenant_id, now_us);
            let write = move |tx: &mut crate::store::tx::Tx<'_>, _: &By| {
                for event in &events {
                    tx.append(event.clone())?;
                }
                Ok(Vec::new())
            };
            let job = Job { tenant_id, sight: None, refuse_repeat: false, by, work: Work::Call(Box::new(write)) };
            if let Err(error) = writer.run(job).await {
                tracing::error!(%error, "counted refusals could not be audited");
            }
        }
    }
}

fn event(kind: &Kind, count: u64, now_us: i64) -> Event {
    Event {
        app_id: kind.app_id,
        address: kind.address.clone(),
        count,
        reason: Some(kind.reason.into()),
        ..Event::new(kind.action, Actor::System, kind.tenant_id, now_us)
    }
}

fn minute(now_us: i64) -> i64 {
    now_us.div_euclid(60_000_000)
}
