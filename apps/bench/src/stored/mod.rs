//! A database with history: deductions as the server would have stored them, in bulk.

mod postgres;
mod sqlite;

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use osaycore_audit::{Details, Field, Record, Target, TargetKind, Value, leaf_hash};
use uuid::Uuid;

use crate::report;
use crate::server::{Database, Installation};
use crate::target::reference;

/// Of a deduction, in millionths.
const AMOUNT: i64 = 10_000;

/// How long it took, and how large the database then is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loaded {
    pub(crate) took: Duration,
    pub(crate) bytes: u64,
}

/// Stores a deduction under each of the numbers of `references`, from all wallets by turns. Each wallet must have one
/// that the server stored: the others are made after it. No server may run.
pub(crate) fn fill(installation: &Installation, references: Range<u64>) -> anyhow::Result<Loaded> {
    let started = Instant::now();
    let count = references.end.saturating_sub(references.start);
    anyhow::ensure!(count > 0, "nothing to store");
    let bar = report::steps_bar(usize::try_from(count)?, "storing entries");
    let bytes = match installation.database() {
        Database::Sqlite(file) => sqlite::fill(file, references, &bar)?,
        Database::Postgres(database) => postgres::fill(database, references, &bar)?,
    };
    bar.finish_and_clear();
    Ok(Loaded { took: started.elapsed(), bytes })
}

/// One deduction of the past: its entry and its audit event.
struct Stored {
    tenant_id: i64,
    app_id: i64,
    account_id: i64,
    sequence: i64,
    transaction_id: Uuid,
    balance_after: i64,
    reference: String,
    at_us: i64,
    event_id: i64,
    canonical: String,
    leaf_hash: [u8; 32],
}

/// All wallets of the one tenant as they grow, and the end of its audit log.
struct Ledger {
    wallets: Vec<Wallet>,
    next: usize,
    last_event_id: i64,
    /// Of the newest event; each one that is added is a microsecond newer.
    at_us: i64,
}

struct Wallet {
    id: i64,
    balance: i64,
    entries: i64,
    /// Its newest event, a deduction: the pattern of all others.
    record: Record,
}

impl Ledger {
    /// One line each: account, balance, entries, the newest event's canonical text.
    const WALLETS: &str = "SELECT accounts.id, accounts.balance, accounts.entries, newest.canonical FROM accounts \
        JOIN entries AS last ON last.tenant_id = accounts.tenant_id AND last.account_id = accounts.id \
        AND last.sequence = accounts.entries \
        JOIN audit_events AS newest ON newest.tenant_id = last.tenant_id AND newest.id = last.event_id \
        ORDER BY accounts.id";

    /// `ask` runs a query; → a line for each row, the columns parted by tabs.
    fn read(ask: impl Fn(&str) -> anyhow::Result<String>) -> anyhow::Result<Self> {
        let last_event_id = ask("SELECT last_event_id FROM tenant_heads")?.trim().parse()?;
        let rows = ask(Self::WALLETS)?;
        let wallets: Vec<Wallet> = rows.lines().map(Wallet::read).collect::<anyhow::Result<_>>()?;
        let at_us = wallets.iter().map(|wallet| wallet.record.event.at_us).max().context("no wallets")?;
        Ok(Self { wallets, next: 0, last_event_id, at_us })
    }

    /// The next wallet's deduction under this reference.
    fn deduct(&mut self, number: u64) -> anyhow::Result<Stored> {
        if self.next >= self.wallets.len() {
            self.next = 0;
        }
        let wallet = self.wallets.get_mut(self.next).context("no wallets")?;
        self.next = self.next.saturating_add(1);
        self.last_event_id = self.last_event_id.saturating_add(1);
        self.at_us = self.at_us.saturating_add(1);
        wallet.deduct(number, self.last_event_id, self.at_us)
    }

    /// The statements that bring accounts and head up to what was stored.
    fn totals(&self) -> String {
        let account = |Wallet { id, balance, entries, .. }: &Wallet| {
            format!(
                "UPDATE accounts SET balance = {balance}, lifetime_spent = lifetime_earned - {balance}, \
                 entries = {entries} WHERE id = {id};\n"
            )
        };
        let accounts: String = self.wallets.iter().map(account).collect();
        format!("{accounts}UPDATE tenant_heads SET last_event_id = {};", self.last_event_id)
    }
}

impl Wallet {
    fn read(line: &str) -> anyhow::Result<Self> {
        let mut columns = line.splitn(4, '\t');
        let mut next = || columns.next().context("too few columns");
        let (id, balance, entries) = (next()?.parse()?, next()?.parse()?, next()?.parse()?);
        let record = Record::from_canonical(next()?)?;
        Ok(Self { id, balance, entries, record })
    }

    fn deduct(&mut self, number: u64, event_id: i64, at_us: i64) -> anyhow::Result<Stored> {
        let Self { id, balance, entries, record } = self;
        let before = *balance;
        *balance = balance.saturating_sub(AMOUNT);
        *entries = entries.saturating_add(1);
        let reference = reference(number);
        let transaction_id = transaction_id(reference, at_us)?;
        let reference = reference.to_string();
        record.id = event_id;
        let event = &mut record.event;
        event.at_us = at_us;
        event.target = Some(Target::new(TargetKind::Transaction, transaction_id.to_string()));
        event.before = Details::new().with(Field::Balance, Value::credits(before));
        event.after.set(Field::Balance, Value::credits(*balance));
        event.after.set(Field::Reference, reference.as_str());
        let canonical = record.canonical();
        Ok(Stored {
            tenant_id: record.event.tenant_id,
            app_id: record.event.app_id.context("a deduction without an app")?,
            account_id: *id,
            sequence: *entries,
            transaction_id,
            balance_after: *balance,
            reference,
            at_us,
            event_id,
            leaf_hash: leaf_hash(canonical.as_bytes()),
            canonical,
        })
    }
}

/// Ordered by time, as the server's are; the rest of the bits are the reference's.
fn transaction_id(reference: Uuid, at_us: i64) -> anyhow::Result<Uuid> {
    let millis = u64::try_from(at_us.div_euclid(1_000))?;
    let (bits, _) = reference.as_bytes().split_first_chunk().context("a UUID has sixteen bytes")?;
    Ok(uuid::Builder::from_unix_timestamp_millis(millis, bits).into_uuid())
}

#[cfg(test)]
mod tests {
    use osaycore_audit::{Action, Actor, Event};

    use super::*;

    fn ledger(wallets: i64) -> Ledger {
        let line = |id: i64| {
            let mut event = Event::new(Action::CreditsDeducted, Actor::User(Uuid::from_u128(1)), 1, 1_000_000);
            event.app_id = Some(7);
            event.user_id = Some(id);
            event.after = Details::new().with(Field::Kind, "DEDUCTION").with(Field::Amount, Value::credits(-AMOUNT));
            format!("{id}\t50000000\t2\t{}\n", event.canonical(id))
        };
        let lines: String = (1..=wallets).map(line).collect();
        Ledger::read(|query| Ok(if query == Ledger::WALLETS { lines.clone() } else { "9\n".to_owned() })).unwrap()
    }

    #[test]
    fn wallets_take_turns_and_the_log_has_no_gap() {
        let mut ledger = ledger(2);
        let stored: Vec<Stored> = (0..4).map(|number| ledger.deduct(number).unwrap()).collect();
        let told: Vec<_> =
            stored.iter().map(|it| (it.account_id, it.sequence, it.balance_after, it.event_id)).collect();
        assert_eq!(
            told,
            [(1, 3, 49_990_000, 10), (2, 3, 49_990_000, 11), (1, 4, 49_980_000, 12), (2, 4, 49_980_000, 13)]
        );
        assert!(stored.is_sorted_by(|a, b| a.at_us < b.at_us));
        assert!(
            ledger
                .totals()
                .contains("balance = 49980000, lifetime_spent = lifetime_earned - 49980000, entries = 4 WHERE id = 2;")
        );
        assert!(ledger.totals().ends_with("last_event_id = 13;"));
    }

    #[test]
    fn an_event_says_what_its_entry_says() {
        let stored = ledger(1).deduct(5).unwrap();
        let record = Record::from_canonical(&stored.canonical).unwrap();
        assert_eq!((record.id, record.event.at_us), (stored.event_id, stored.at_us));
        assert_eq!(record.event.target.unwrap().id, stored.transaction_id.to_string());
        assert_eq!(record.event.before.value(Field::Balance), Some(&Value::credits(50_000_000)));
        assert_eq!(record.event.after.value(Field::Balance), Some(&Value::credits(49_990_000)));
        assert_eq!(record.event.after.value(Field::Reference), Some(&Value::from(stored.reference.as_str())));
        assert_eq!(stored.reference, reference(5).to_string());
    }
}
