//! Refusals that no transaction belongs to, counted: one audit event per app, address and minute, so that
//! nobody without a key can fill the disk.

use std::collections::HashMap;
use std::sync::Mutex;

use osaycore_audit::{Action, Actor, Event, Log};

use crate::admin::By;
use crate::group_commit::{Job, Repeat, Work, Writer};
use crate::store::tx::Tx;

/// What is counted together. More than so many in a minute go under no address.
const KINDS: usize = 10_000;
/// Where a refusal is filed that belongs to no known app: the first tenant's log.
pub(crate) const FIRST_TENANT: i64 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kind {
    minute: i64,
    tenant_id: i64,
    app_id: Option<i64>,
    address: Option<String>,
    action: Action,
}

/// How many there were, and why the first was refused.
#[derive(Clone, Copy, Debug)]
struct Count {
    times: u64,
    first_reason: &'static str,
}

/// The counts of the current minute.
#[derive(Default)]
pub(crate) struct Refusals {
    counts: Mutex<HashMap<Kind, Count>>,
}

/// One refusal.
pub(crate) struct Refusal<'a> {
    /// Tenant and app, where the API key was known; the tenant alone of an admin token.
    pub(crate) of: Option<(i64, Option<i64>)>,
    pub(crate) address: &'a str,
    pub(crate) action: Action,
    pub(crate) reason: &'static str,
}

impl Refusals {
    /// Counts one.
    pub(crate) fn count(&self, refusal: &Refusal<'_>, now_us: i64) {
        let mut kind = Kind {
            minute: minute(now_us),
            tenant_id: refusal.of.map_or(FIRST_TENANT, |(tenant_id, _)| tenant_id),
            app_id: refusal.of.and_then(|(_, app_id)| app_id),
            address: Some(refusal.address.to_owned()),
            action: refusal.action,
        };
        let Ok(mut counts) = self.counts.lock() else { return };
        if counts.len() >= KINDS && !counts.contains_key(&kind) {
            kind.address = None;
        }
        let count = counts.entry(kind).or_insert(Count { times: 0, first_reason: refusal.reason });
        count.times = count.times.saturating_add(1);
    }

    /// Writes the minutes that are over, or with `all` also the current one.
    pub(crate) async fn write(&self, writer: &Writer, now_us: i64, all: bool) {
        let mut over: HashMap<i64, Vec<(Kind, Count)>> = HashMap::new();
        if let Ok(mut counts) = self.counts.lock() {
            for (kind, count) in counts.extract_if(|kind, _| all || kind.minute < minute(now_us)) {
                over.entry(kind.tenant_id).or_default().push((kind, count));
            }
        }
        for (tenant_id, counted) in over {
            let events: Vec<Event> = counted.iter().map(|(kind, count)| event(kind, *count, now_us)).collect();
            let write = move |tx: &mut Tx<'_>, _: &By| {
                for event in &events {
                    tx.append(event.clone())?;
                }
                Ok(Vec::new())
            };
            let by = By::system(tenant_id, now_us);
            let job = Job { tenant_id, sight: None, repeat: Repeat::Told, by, work: Work::Call(Box::new(write)) };
            if let Err(error) = writer.finish(job).await {
                tracing::error!(%error, "counted refusals could not be audited; they are kept for the next try");
                if let Ok(mut counts) = self.counts.lock() {
                    counts.extend(counted);
                }
            }
        }
    }
}

fn event(kind: &Kind, count: Count, now_us: i64) -> Event {
    Event {
        app_id: kind.app_id,
        address: kind.address.clone(),
        count: count.times,
        reason: Some(count.first_reason.into()),
        ..Event::new(kind.action, Actor::System, kind.tenant_id, now_us)
    }
}

fn minute(now_us: i64) -> i64 {
    now_us.div_euclid(60_000_000)
}
