//! Into a file, in one transaction. The indexes that are no keys are made when two thirds are stored, which is fast and
//! leaves their pages full; the last third, in no order, splits them as the server's own inserts would have.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use indicatif::ProgressBar;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use super::{AMOUNT, Ledger, Stored};

/// Nothing is rolled back: what fails half-way is thrown away. The cache holds the index of references.
const LOADING: &str = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1500000; BEGIN";
const ENTRY: &str = "INSERT INTO entries (tenant_id, app_id, account_id, sequence, transaction_id, kind, amount, \
    balance_after, description, reference, created_at_us, event_id) \
    VALUES (?1, ?2, ?3, ?4, ?5, 'DEDUCTION', ?6, ?7, 'One unit of work', ?8, ?9, ?10)";
const EVENT: &str = "INSERT INTO audit_events (tenant_id, id, at_us, action, app_id, canonical, leaf_hash) \
    VALUES (?1, ?2, ?3, 'credits.deducted', ?4, ?5, ?6)";

const INDEXES: &str = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL \
    AND tbl_name IN ('entries', 'audit_events')";

/// → the bytes of the file, which is then on the disk.
pub(super) fn fill(file: &Path, references: Range<u64>, bar: &ProgressBar) -> anyhow::Result<u64> {
    let connection = Connection::open(file)?;
    let mut ledger = Ledger::read(|query| ask(&connection, query))?;
    let indexes = ask(&connection, INDEXES)?;
    let indexes: Vec<(&str, &str)> = indexes.lines().filter_map(|line| line.split_once('\t')).collect();
    connection.execute_batch(LOADING)?;
    for (name, _) in &indexes {
        connection.execute_batch(&format!("DROP INDEX {name}"))?;
    }
    let count = references.end.saturating_sub(references.start);
    let last_third = references.end.saturating_sub(count.div_ceil(3));
    let (mut entry, mut event) = (connection.prepare(ENTRY)?, connection.prepare(EVENT)?);
    for number in references {
        if number == last_third {
            indexes.iter().try_for_each(|(_, definition)| connection.execute_batch(definition))?;
        }
        let stored = ledger.deduct(number)?;
        let Stored { tenant_id, app_id, account_id, at_us, .. } = stored;
        entry.execute(params![
            tenant_id,
            app_id,
            account_id,
            stored.sequence,
            stored.transaction_id.as_bytes(),
            -AMOUNT,
            stored.balance_after,
            stored.reference,
            at_us,
            stored.event_id
        ])?;
        event.execute(params![tenant_id, stored.event_id, at_us, app_id, stored.canonical, stored.leaf_hash])?;
        bar.inc(1);
    }
    connection.execute_batch(&ledger.totals())?;
    bar.set_message("committing");
    connection.execute_batch("COMMIT; PRAGMA journal_mode = WAL")?;
    drop((entry, event));
    connection.close().map_err(|(_, error)| error)?;
    let file = File::open(file)?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

fn ask(connection: &Connection, query: &str) -> anyhow::Result<String> {
    let mut statement = connection.prepare(query)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut lines = String::new();
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            let value = match row.get_ref(column)? {
                ValueRef::Integer(number) => number.to_string(),
                other => other.as_str()?.to_owned(),
            };
            lines.push_str(&value);
            lines.push(if column.saturating_add(1) == columns { '\n' } else { '\t' });
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use osaycore_audit::{Action, Actor, Event};
    use uuid::Uuid;

    use super::*;

    const TABLES: [&str; 6] = [
        include_str!("../../../../migrations/0017_accounts/up.sql"),
        include_str!("../../../../migrations/0018_entries/up.sql"),
        include_str!("../../../../migrations/0019_entries_by_reference/up.sql"),
        include_str!("../../../../migrations/0026_audit_events/up.sql"),
        include_str!("../../../../migrations/0027_audit_events_by_user/up.sql"),
        include_str!("../../../../migrations/0028_tenant_heads/up.sql"),
    ];

    #[test]
    fn accounts_head_and_indexes_fit_what_was_stored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(&TABLES.concat()).unwrap();
        connection.execute_batch("INSERT INTO tenant_heads VALUES (1, 2, 0, 0)").unwrap();
        for id in [1_i64, 2] {
            let mut event = Event::new(Action::CreditsDeducted, Actor::User(Uuid::from_u128(1)), 1, 1_000_000);
            (event.app_id, event.user_id) = (Some(7), Some(id));
            let account = "INSERT INTO accounts VALUES (1, ?1, 60000000, 60000000, 0, 0, 1)";
            connection.execute(account, [id]).unwrap();
            let entry = "INSERT INTO entries VALUES (1, ?1, 1, ?2, 7, 'DEDUCTION', -1, 1, 1, NULL, NULL, NULL, 1, ?1)";
            connection.execute(entry, params![id, [7_u8; 16]]).unwrap();
            connection
                .execute(
                    "INSERT INTO audit_events VALUES (1, ?1, 1, 'credits.deducted', 7, NULL, ?2, ?3)",
                    params![id, event.canonical(id), [0_u8; 32]],
                )
                .unwrap();
        }
        let asked = |query: &str| ask(&connection, query).unwrap();
        let indexes = asked(INDEXES);
        fill(&path, 10..15, &ProgressBar::hidden()).unwrap();
        assert_eq!(
            asked("SELECT id, balance, lifetime_spent, entries FROM accounts ORDER BY id"),
            "1\t59970000\t30000\t4\n2\t59980000\t20000\t3\n"
        );
        assert_eq!(asked("SELECT last_event_id FROM tenant_heads"), "7\n");
        assert_eq!(asked("SELECT max(id), count(*), count(DISTINCT leaf_hash) FROM audit_events"), "7\t7\t6\n");
        assert_eq!(
            asked(
                "SELECT account_id, max(sequence), min(balance_after), max(event_id) FROM entries WHERE sequence > 1 GROUP BY 1"
            ),
            "1\t4\t59970000\t7\n2\t3\t59980000\t6\n"
        );
        assert_eq!(asked(INDEXES), indexes);
        assert_eq!(indexes.lines().count(), 2);
    }
}
