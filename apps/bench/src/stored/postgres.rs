//! Into PostgreSQL, by one COPY for each table; the indexes that are no keys are made anew behind the rows, from the
//! catalogue's own definitions.

use std::io::{BufWriter, Write as _};
use std::ops::Range;
use std::process::{Child, ChildStdin};

use anyhow::Context as _;
use indicatif::ProgressBar;

use super::{AMOUNT, Ledger, Stored};
use crate::postgres::Database;

const ENTRIES: &str = "COPY entries (tenant_id, app_id, account_id, sequence, transaction_id, kind, amount, \
    balance_after, description, reference, created_at_us, event_id) FROM STDIN";
const EVENTS: &str = "COPY audit_events (tenant_id, id, at_us, action, app_id, canonical, leaf_hash) FROM STDIN";
const INDEXES: &str = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ('entries', 'audit_events') \
    AND indexname NOT LIKE '%_pkey'";

/// → the bytes of the database, which is then vacuumed, analysed and on the disk.
pub(super) fn fill(database: &Database, references: Range<u64>, bar: &ProgressBar) -> anyhow::Result<u64> {
    let mut ledger = Ledger::read(|query| database.run(&[query]))?;
    let indexes = database.run(&[INDEXES])?;
    let indexes: Vec<(&str, &str)> = indexes.lines().filter_map(|line| line.split_once('\t')).collect();
    for (name, _) in &indexes {
        database.run(&[&format!("DROP INDEX {name}")])?;
    }
    let (mut entries, mut events) = (Copy::start(database, ENTRIES)?, Copy::start(database, EVENTS)?);
    for number in references {
        let stored = ledger.deduct(number)?;
        let Stored { tenant_id, app_id, account_id, sequence, balance_after, reference, at_us, event_id, .. } = &stored;
        let transaction = stored.transaction_id.simple();
        writeln!(
            entries.rows,
            "{tenant_id}\t{app_id}\t{account_id}\t{sequence}\t\\\\x{transaction}\tDEDUCTION\t-{AMOUNT}\t\
             {balance_after}\tOne unit of work\t{reference}\t{at_us}\t{event_id}"
        )?;
        let Stored { canonical, leaf_hash, .. } = &stored;
        // A backslash begins an escape of COPY, as it does in JSON.
        let canonical = canonical.replace('\\', r"\\");
        let hash = hex::encode(leaf_hash);
        writeln!(
            events.rows,
            "{tenant_id}\t{event_id}\t{at_us}\tcredits.deducted\t{app_id}\t{canonical}\t\\\\x{hash}"
        )?;
        bar.inc(1);
    }
    entries.finish()?;
    events.finish()?;
    bar.set_message("making indexes");
    let definitions = indexes.iter().map(|(_, definition)| *definition);
    let statements: Vec<&str> = std::iter::once("SET maintenance_work_mem = '1GB'").chain(definitions).collect();
    database.run(&statements)?;
    bar.set_message("vacuuming");
    database.run(&[&ledger.totals(), "VACUUM (ANALYZE)", "CHECKPOINT"])?;
    Ok(database.run(&["SELECT pg_database_size(current_database())"])?.trim().parse()?)
}

/// Rows on their way into a table.
struct Copy {
    psql: Child,
    rows: BufWriter<ChildStdin>,
}

impl Copy {
    fn start(database: &Database, statement: &str) -> anyhow::Result<Self> {
        let mut psql = database.copy(statement)?;
        let rows = BufWriter::with_capacity(1 << 18, psql.stdin.take().context("psql without an input")?);
        Ok(Self { psql, rows })
    }

    /// Ends the input, and waits until the rows are committed.
    fn finish(self) -> anyhow::Result<()> {
        let Self { mut psql, rows } = self;
        drop(rows.into_inner().map_err(std::io::IntoInnerError::into_error)?);
        anyhow::ensure!(psql.wait()?.success(), "psql failed to copy");
        Ok(())
    }
}
