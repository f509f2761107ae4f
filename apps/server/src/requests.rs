//! Signed requests, counted in memory by tenant and hour, and added to the tallies every few seconds and at the end. Who is
//! killed loses what was counted since.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::admin::By;
use crate::group_commit::{Job, Repeat, Work, Writer};
use crate::store::tallies::{self, HOUR_US, Tally};
use crate::store::tx::Tx;

/// The requests of a tenant in an hour since the epoch.
type Counts = HashMap<(i64, i64), Count>;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    requests: i64,
    refused: i64,
    failed: i64,
}

/// What is not added to the tallies yet.
#[derive(Default)]
pub(crate) struct Requests {
    counts: Mutex<Counts>,
}

impl Requests {
    /// Counts one, by the status that it was answered with.
    pub(crate) fn count(&self, tenant_id: i64, status: u16, now_us: i64) {
        let one =
            Count { requests: 1, refused: i64::from((400..500).contains(&status)), failed: i64::from(status >= 500) };
        if let Ok(mut counts) = self.counts.lock() {
            counts.entry((tenant_id, now_us.div_euclid(HOUR_US))).or_default().add(one);
        }
    }

    /// Adds all of them to the tallies. What cannot be written is kept for the next time.
    pub(crate) async fn write(&self, writer: &Writer, now_us: i64) {
        let counted = self.counts.lock().map(|mut counts| std::mem::take(&mut *counts)).unwrap_or_default();
        for ((tenant_id, hour), count) in counted {
            let write = move |tx: &mut Tx<'_>, _: &By| {
                let sums =
                    [(Tally::Requests, count.requests), (Tally::Refused, count.refused), (Tally::Failed, count.failed)];
                for (tally, more) in sums.into_iter().filter(|(_, more)| *more > 0) {
                    tallies::add(tx, hour, tally, more)?;
                }
                Ok(Vec::new())
            };
            let by = By::system(tenant_id, now_us);
            let job = Job { tenant_id, sight: None, repeat: Repeat::Told, by, work: Work::Call(Box::new(write)) };
            if let Err(error) = writer.finish(job).await {
                tracing::warn!(%error, "counted requests could not be added to the tallies; they are kept for the next try");
                if let Ok(mut counts) = self.counts.lock() {
                    counts.entry((tenant_id, hour)).or_default().add(count);
                }
            }
        }
    }
}

impl Count {
    fn add(&mut self, other: Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.refused = self.refused.saturating_add(other.refused);
        self.failed = self.failed.saturating_add(other.failed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_tenant_hour_and_outcome() {
        let requests = Requests::default();
        for (tenant_id, status, now_us) in
            [(1, 200, 0), (1, 402, 1), (1, 503, 2), (1, 304, 3), (1, 200, HOUR_US), (2, 200, 0)]
        {
            requests.count(tenant_id, status, now_us);
        }
        let counts = requests.counts.into_inner().unwrap();
        assert_eq!(counts[&(1, 0)], Count { requests: 4, refused: 1, failed: 1 });
        assert_eq!(counts[&(1, 1)], Count { requests: 1, refused: 0, failed: 0 });
        assert_eq!(counts[&(2, 0)].requests, 1);
    }
}
