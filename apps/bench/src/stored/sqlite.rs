//! Into a file, in one transaction, with the indexes in place: they become as full as the server's own inserts, in no
//! order, would have left them.

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
    balance_after, description, reference, created_at_us) \
    VALUES (?1, ?2, ?3, ?4, ?5, 'DEDUCTION', ?6, ?7, 'One unit of work', ?8, ?9)";
const EVENT: &str = "INSERT INTO audit_events (tenant_id, id, at_us, action, app_id, user_id, canonical, leaf_hash) \
    VALUES (?1, ?2, ?3, 'credits.deducted', ?4, ?5, ?6, ?7)";

/// → the bytes of the file, which is then on the disk.
pub(super) fn fill(file: &Path, references: Range<u64>, bar: &ProgressBar) -> anyhow::Result<u64> {
    let connection = Connection::open(file)?;
    let mut ledger = Ledger::read(|query| ask(&connection, query))?;
    connection.execute_batch(LOADING)?;
    let (mut entry, mut event) = (connection.prepare(ENTRY)?, connection.prepare(EVENT)?);
    for number in references {
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
            at_us
        ])?;
        event.execute(params![
            tenant_id,
            stored.event_id,
            at_us,
            app_id,
            account_id,
            stored.canonical,
            stored.leaf_hash
        ])?;
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
