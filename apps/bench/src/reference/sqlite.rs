//! Raw SQLite, as durable as ours: what a commit costs without HTTP, without checks, and without company.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use crate::measure::{Sample, latencies, nanoseconds};
use crate::target::reference;

/// The server's own.
const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; \
    PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 16000;";
/// The very tables, with their indexes.
const TABLES: [&str; 5] = [
    include_str!("../../../../migrations/0017_accounts/up.sql"),
    include_str!("../../../../migrations/0018_entries/up.sql"),
    include_str!("../../../../migrations/0019_entries_by_reference/up.sql"),
    include_str!("../../../../migrations/0026_audit_events/up.sql"),
    include_str!("../../../../migrations/0027_audit_events_by_user/up.sql"),
];

const BEGIN: &str = "BEGIN IMMEDIATE";
const COMMIT: &str = "COMMIT";
const CHARGE: &str = "UPDATE accounts SET balance = balance - 10000, lifetime_spent = lifetime_spent + 10000, \
    entries = entries + 1 WHERE tenant_id = 1 AND id = ?1 AND balance >= 10000 RETURNING balance, entries";
const ENTRY: &str = "INSERT INTO entries (tenant_id, account_id, sequence, transaction_id, app_id, kind, amount, \
    balance_after, description, reference, created_at_us, event_id) \
    VALUES (1, ?1, ?2, ?3, 1001, 'DEDUCTION', -10000, ?4, 'One unit of work', ?5, ?6, ?6)";
const AUDIT: &str = "INSERT INTO audit_events (tenant_id, id, at_us, action, app_id, canonical, leaf_hash) \
    VALUES (1, ?1, ?2, 'credits.deducted', 1001, ?3, ?4)";

/// Row 2's reference: balance, entry and audit event of one deduction in one transaction, one after the other.
pub(crate) struct RawLedger {
    connection: Connection,
    users: i64,
    number: u64,
}

impl RawLedger {
    /// With accounts that can pay.
    pub(crate) fn create(path: &Path, users: usize) -> anyhow::Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(PRAGMAS)?;
        connection.execute_batch(&TABLES.concat())?;
        connection.execute_batch(BEGIN)?;
        let users = i64::try_from(users)?;
        for id in 0..users {
            connection.execute(
                "INSERT INTO accounts (tenant_id, id, balance, lifetime_earned, lifetime_spent, floor, entries) \
                 VALUES (1, ?1, 1000000000000, 1000000000000, 0, 0, 0)",
                [id],
            )?;
        }
        connection.execute_batch(COMMIT)?;
        Ok(Self { connection, users, number: 0 })
    }

    /// Deductions for `limit`.
    pub(crate) fn deductions(&mut self, limit: Duration) -> anyhow::Result<Sample> {
        let Self { connection, users, number } = self;
        let (mut begin, mut commit) = (connection.prepare(BEGIN)?, connection.prepare(COMMIT)?);
        let (mut charge, mut entry) = (connection.prepare(CHARGE)?, connection.prepare(ENTRY)?);
        let mut audit = connection.prepare(AUDIT)?;
        repeat(limit, || {
            *number = number.saturating_add(1);
            let event = i64::try_from(*number)?;
            let account = event.rem_euclid(*users);
            let (transaction, reference) = (uuid::Uuid::from_u64_pair(*number, 7), reference(*number).to_string());
            begin.execute([])?;
            let (balance, sequence): (i64, i64) = charge.query_row([account], |row| Ok((row.get(0)?, row.get(1)?)))?;
            entry.execute(params![account, sequence, transaction.as_bytes(), balance, reference, event])?;
            audit.execute(params![event, event, canonical(event, account, &reference), [7_u8; 32]])?;
            commit.execute([])?;
            Ok(())
        })
    }
}

/// As long as the canonical text of a real event of a deduction.
fn canonical(event: i64, account: i64, reference: &str) -> String {
    format!(
        r#"{{"v":1,"id":{event},"tenant_id":1,"at_us":1767225600000000,"action":"credits.deducted","actor":{{"kind":"user","id":"7b0c1b9e-6d0a-4a7e-9a57-0d8a0f8f3f55"}},"target":{{"kind":"transaction","id":"7b0c1b9e-6d0a-4a7e-9a57-0d8a0f8f3f55"}},"app_id":1001,"user_id":{account},"address":"127.0.0.1","request_id":"7b0c1b9e-6d0a-4a7e-9a57-0d8a0f8f3f55","before":{{"balance":"1000000.00"}},"after":{{"amount":"-0.01","balance":"999999.99","kind":"DEDUCTION","reference":"{reference}"}}}}"#
    )
}

/// Row 5's reference: the smallest durable commit there is, one row changed.
pub(crate) struct RawCommit {
    connection: Connection,
}

impl RawCommit {
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(PRAGMAS)?;
        connection.execute_batch("CREATE TABLE counter (value BIGINT NOT NULL); INSERT INTO counter VALUES (0);")?;
        Ok(Self { connection })
    }

    /// Commits for `limit`.
    pub(crate) fn commits(&mut self, limit: Duration) -> anyhow::Result<Sample> {
        let mut update = self.connection.prepare("UPDATE counter SET value = value + 1")?;
        repeat(limit, || {
            update.execute([])?;
            Ok(())
        })
    }
}

fn repeat(limit: Duration, mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Sample> {
    let (started, mut latency, mut done) = (Instant::now(), latencies()?, 0_u64);
    let mut before = started;
    while before.duration_since(started) < limit {
        work()?;
        let after = Instant::now();
        latency.saturating_record(nanoseconds(after.duration_since(before)));
        (before, done) = (after, done.saturating_add(1));
    }
    Ok(Sample { done, elapsed: started.elapsed(), latency })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_raw_ledger_makes_all_three_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let mut ledger = RawLedger::create(&path, 2).unwrap();
        let done = ledger.deductions(Duration::from_millis(20)).unwrap().done
            + ledger.deductions(Duration::from_millis(20)).unwrap().done;
        drop(ledger);
        let connection = Connection::open(&path).unwrap();
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        let done = i64::try_from(done).unwrap();
        assert_eq!(count("SELECT count(*) FROM entries"), done);
        assert_eq!(count("SELECT count(*) FROM audit_events"), done);
        assert_eq!(count("SELECT sum(lifetime_spent) FROM accounts"), done * 10_000);
    }
}
