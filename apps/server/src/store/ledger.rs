//! Accounts, entries and payments: tables `accounts`, `entries`, `payments`.
//!
//! What a group of commands needs is preloaded in one query a table; what it posts is written in bulk by `flush`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;
use osaycore_ledger::{
    Account, Amount, Credits, Currency, Entry, EntryKey, EntryKind, HistoryQuery, Payment, PaymentStatus, Posting,
    Storage,
};
use uuid::Uuid;

use super::bulk::{load_all, write_all};
use super::db::{AnyConnection, StoreError, each_backend, row};
use super::members::Member;
use super::schema::{accounts, entries, payments, tenant_heads};
use super::tx::{self, Tx};

/// What a transaction knows of the ledger, and has yet to write.
#[derive(Default)]
pub(crate) struct Pending {
    accounts: HashMap<i64, Option<Account>>,
    changed: BTreeSet<i64>,
    references: HashMap<(i64, String), Option<Entry>>,
    posted: Vec<EntryRow>,
    credited: BTreeMap<Uuid, i64>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = accounts, treat_none_as_default_value = false)]
struct AccountRow {
    tenant_id: i64,
    id: i64,
    balance: i64,
    lifetime_earned: i64,
    lifetime_spent: i64,
    floor: i64,
    entries: i64,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = entries, treat_none_as_default_value = false)]
pub(super) struct EntryRow {
    tenant_id: i64,
    account_id: i64,
    sequence: i64,
    transaction_id: Vec<u8>,
    app_id: i64,
    kind: String,
    amount: i64,
    units: Option<i64>,
    balance_after: i64,
    description: Option<String>,
    reference: Option<String>,
    payment_id: Option<Vec<u8>>,
    created_at_us: i64,
    event_id: Option<i64>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = payments, treat_none_as_default_value = false)]
pub(super) struct PaymentRow {
    tenant_id: i64,
    id: Vec<u8>,
    account_id: i64,
    app_id: i64,
    amount: i64,
    currency: String,
    credits: Option<i64>,
    status: String,
    external_id: Option<String>,
    credited_sequence: Option<i64>,
    created_at_us: i64,
    updated_at_us: i64,
}

#[cfg(feature = "postgres")]
mod bulk;

/// diesel's own UPDATE is parsed anew each time. The text of this one never changes, so it is prepared once.
struct UpdateAccount<'r>(&'r AccountRow);

impl QueryId for UpdateAccount<'_> {
    type QueryId = UpdateAccount<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Sqlite> for UpdateAccount<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let row = self.0;
        out.push_sql("UPDATE accounts SET balance = ");
        out.push_bind_param::<BigInt, _>(&row.balance)?;
        out.push_sql(", lifetime_earned = ");
        out.push_bind_param::<BigInt, _>(&row.lifetime_earned)?;
        out.push_sql(", lifetime_spent = ");
        out.push_bind_param::<BigInt, _>(&row.lifetime_spent)?;
        out.push_sql(", entries = ");
        out.push_bind_param::<BigInt, _>(&row.entries)?;
        out.push_sql(" WHERE tenant_id = ");
        out.push_bind_param::<BigInt, _>(&row.tenant_id)?;
        out.push_sql(" AND id = ");
        out.push_bind_param::<BigInt, _>(&row.id)
    }
}

impl RunQueryDsl<SqliteConnection> for UpdateAccount<'_> {}

impl Tx<'_> {
    /// Reads these accounts.
    pub(crate) fn preload_accounts(&mut self, ids: impl Iterator<Item = i64>) -> Result<(), StoreError> {
        let missing: BTreeSet<i64> = ids.filter(|id| !self.ledger.accounts.contains_key(id)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let tenant_id = self.tenant_id;
        let rows: Vec<AccountRow> = load_all!(
            &mut *self.connection,
            &missing,
            |inner| {
                let wanted = |id: &i64| bulk::Key { tenant_id, id: *id };
                bulk::AccountsOf::new(&missing.iter().map(wanted).collect::<Vec<_>>()).load(inner)
            },
            |id, inner| accounts::table.find((tenant_id, id)).select(AccountRow::as_select()).load(inner)
        );
        for id in missing {
            self.ledger.accounts.insert(id, None);
        }
        for row in rows {
            let account = row.read()?;
            self.ledger.accounts.insert(account.id, Some(account));
        }
        Ok(())
    }

    /// Reads the entries under these references of these apps.
    pub(crate) fn preload_references<'r>(
        &mut self,
        keys: impl Iterator<Item = (i64, &'r str)>,
    ) -> Result<(), StoreError> {
        let missing: BTreeSet<(i64, String)> = keys
            .map(|(app_id, reference)| (app_id, reference.to_owned()))
            .filter(|key| !self.ledger.references.contains_key(key))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let tenant_id = self.tenant_id;
        let rows: Vec<EntryRow> = load_all!(
            &mut *self.connection,
            &missing,
            |inner| {
                let wanted = |(app_id, reference): &(i64, String)| bulk::Reference {
                    tenant_id,
                    app_id: *app_id,
                    reference: reference.clone(),
                };
                bulk::EntriesByReference::new(&missing.iter().map(wanted).collect::<Vec<_>>()).load(inner)
            },
            |(app_id, reference), inner| entries::table
                .filter(entries::tenant_id.eq(tenant_id))
                .filter(entries::app_id.eq(app_id))
                .filter(entries::reference.eq(reference))
                .select(EntryRow::as_select())
                .load(inner)
        );
        for key in missing {
            self.ledger.references.insert(key, None);
        }
        for row in rows {
            let entry = row.read()?;
            if let Some(reference) = &entry.reference {
                self.ledger.references.insert((entry.app_id, reference.clone()), Some(entry));
            }
        }
        Ok(())
    }

    /// Gives an entry its audit event; → whether it was not yet too late for that.
    pub(super) fn link_event(&mut self, entry: &Entry, event_id: i64) -> bool {
        let is_it = |row: &&mut EntryRow| (row.account_id, row.sequence) == (entry.account_id, entry.sequence);
        let pending = self.ledger.posted.iter_mut().rev().find(is_it);
        pending.map(|row| row.event_id = Some(event_id)).is_some()
    }

    pub(super) fn flush_ledger(&mut self) -> Result<(), StoreError> {
        let posted = std::mem::take(&mut self.ledger.posted);
        write_all!(
            &mut *self.connection,
            &posted,
            |inner| bulk::InsertEntries::new(&posted).execute(inner),
            |row, inner| diesel::insert_into(entries::table).values(row).execute(inner)
        );
        let changed = std::mem::take(&mut self.ledger.changed);
        let changed: Vec<AccountRow> = changed
            .iter()
            .filter_map(|id| self.ledger.accounts.get(id)?.as_ref())
            .map(|account| AccountRow::of(self.tenant_id, account))
            .collect();
        write_all!(
            &mut *self.connection,
            &changed,
            |inner| bulk::PutAccounts::new(&changed).execute(inner),
            |row, inner| UpdateAccount(row).execute(inner)
        );
        for (id, sequence) in std::mem::take(&mut self.ledger.credited) {
            diesel::update(payments::table.find((self.tenant_id, id.as_bytes().as_slice())))
                .set(payments::credited_sequence.eq(sequence))
                .execute(&mut *self.connection)?;
        }
        Ok(())
    }
}

impl Storage for Tx<'_> {
    type Error = StoreError;

    fn account(&mut self, account_id: i64) -> Result<Option<Account>, StoreError> {
        self.preload_accounts(std::iter::once(account_id))?;
        Ok(self.ledger.accounts.get(&account_id).cloned().flatten())
    }

    fn entry_by_reference(&mut self, app_id: i64, reference: &str) -> Result<Option<Entry>, StoreError> {
        self.preload_references(std::iter::once((app_id, reference)))?;
        Ok(self.ledger.references.get(&(app_id, reference.to_owned())).cloned().flatten())
    }

    fn entry(&mut self, key: EntryKey) -> Result<Option<Entry>, StoreError> {
        self.flush_ledger()?;
        let found: Option<EntryRow> = entries::table
            .find((self.tenant_id, key.account_id, key.sequence))
            .select(row::<EntryRow>())
            .get_result(&mut *self.connection)
            .optional()?;
        found.map(EntryRow::read).transpose()
    }

    fn payment(&mut self, id: Uuid) -> Result<Option<Payment>, StoreError> {
        self.flush_ledger()?;
        let found: Option<PaymentRow> = payments::table
            .find((self.tenant_id, id.as_bytes().as_slice()))
            .select(row::<PaymentRow>())
            .get_result(&mut *self.connection)
            .optional()?;
        found.map(PaymentRow::read).transpose()
    }

    fn insert_account(&mut self, account: &Account) -> Result<(), StoreError> {
        let row = AccountRow::of(self.tenant_id, account);
        diesel::insert_into(accounts::table).values(row).execute(&mut *self.connection)?;
        self.ledger.accounts.insert(account.id, Some(account.clone()));
        Ok(())
    }

    fn set_floor(&mut self, account_id: i64, floor: Credits) -> Result<bool, StoreError> {
        if let Some(Some(account)) = self.ledger.accounts.get_mut(&account_id) {
            account.floor = floor;
        }
        let rows = diesel::update(accounts::table.find((self.tenant_id, account_id)))
            .set(accounts::floor.eq(floor.micros()))
            .execute(&mut *self.connection)?;
        Ok(rows == 1)
    }

    fn insert_payment(&mut self, payment: &Payment) -> Result<(), StoreError> {
        let row = PaymentRow::of(self.tenant_id, payment);
        each_backend!(&mut *self.connection, |inner| {
            diesel::insert_into(payments::table).values(row).execute(inner)
        })?;
        Ok(())
    }

    fn update_payment(&mut self, payment: &Payment) -> Result<(), StoreError> {
        let rows = diesel::update(payments::table.find((self.tenant_id, payment.id.as_bytes().as_slice())))
            .set((payments::status.eq(payment.status.as_str()), payments::updated_at_us.eq(payment.updated_at_us)))
            .execute(&mut *self.connection)?;
        if rows == 1 { Ok(()) } else { Err(diesel::result::Error::NotFound.into()) }
    }

    fn post(&mut self, posting: &Posting) -> Result<(), StoreError> {
        let Posting { entry, account, payment } = posting;
        if let Some(reference) = &entry.reference {
            self.ledger.references.insert((entry.app_id, reference.clone()), Some(entry.clone()));
        }
        if let Some(payment) = payment {
            self.ledger.credited.insert(*payment, entry.sequence);
        }
        self.ledger.accounts.insert(account.id, Some(account.clone()));
        self.ledger.changed.insert(account.id);
        self.ledger.posted.push(EntryRow::of(self.tenant_id, entry));
        Ok(())
    }

    fn history(&mut self, account_id: i64, query: &HistoryQuery) -> Result<Vec<Entry>, StoreError> {
        self.flush_ledger()?;
        let mut select = entries::table
            .filter(entries::tenant_id.eq(self.tenant_id))
            .filter(entries::account_id.eq(account_id))
            .order(entries::sequence.desc())
            .limit(query.limit.into())
            .select(row::<EntryRow>())
            .into_boxed();
        if let Some(before) = query.before_sequence {
            select = select.filter(entries::sequence.lt(before));
        }
        if let Some(kind) = query.kind {
            select = select.filter(entries::kind.eq(kind.as_str()));
        }
        if let Some(from_us) = query.from_us {
            select = select.filter(entries::created_at_us.ge(from_us));
        }
        if let Some(to_us) = query.to_us {
            select = select.filter(entries::created_at_us.lt(to_us));
        }
        if let Some(reference) = &query.reference {
            select = select.filter(entries::reference.eq(reference.clone()));
        }
        let rows: Vec<EntryRow> = select.load(&mut *self.connection)?;
        rows.into_iter().map(EntryRow::read).collect()
    }
}

/// A member's account, if what is known of the member is still true: in one statement, which is a snapshot by itself.
pub(crate) fn account_under(
    connection: &mut AnyConnection,
    tenant_id: i64,
    member: &Member,
) -> Result<Option<Account>, StoreError> {
    let Some(revision) = member.revision else { return Ok(None) };
    let found: Option<AccountRow> = each_backend!(connection, |inner| accounts::table
        .inner_join(tenant_heads::table.on(tenant_heads::tenant_id.eq(accounts::tenant_id)))
        .filter(accounts::tenant_id.eq(tenant_id))
        .filter(accounts::id.eq(member.user.id))
        .filter(tenant_heads::directory_revision.eq(revision))
        .select(AccountRow::as_select())
        .get_result(inner))
    .optional()?;
    found.map(AccountRow::read).transpose()
}

/// The payment that an app made under its own id of it.
pub(crate) fn payment_by_external_id(
    tx: &mut Tx<'_>,
    app_id: i64,
    external_id: &str,
) -> Result<Option<Payment>, StoreError> {
    let found: Option<PaymentRow> = payments::table
        .filter(payments::tenant_id.eq(tx.tenant_id))
        .filter(payments::app_id.eq(app_id))
        .filter(payments::external_id.eq(external_id))
        .select(row::<PaymentRow>())
        .get_result(&mut *tx.connection)
        .optional()?;
    found.map(PaymentRow::read).transpose()
}

/// Every account from an id on, for `credits verify`.
pub(crate) fn accounts_after(tx: &mut Tx<'_>, after_id: i64, limit: i64) -> Result<Vec<Account>, StoreError> {
    let rows: Vec<AccountRow> = accounts::table
        .filter(accounts::tenant_id.eq(tx.tenant_id))
        .filter(accounts::id.gt(after_id))
        .order(accounts::id)
        .limit(limit)
        .select(row::<AccountRow>())
        .load(&mut *tx.connection)?;
    rows.into_iter().map(AccountRow::read).collect()
}

/// The entries of an account, oldest first, from a sequence on, for `credits verify`.
pub(crate) fn entries_after(
    tx: &mut Tx<'_>,
    account_id: i64,
    after_sequence: i64,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    let rows: Vec<EntryRow> = entries::table
        .filter(entries::tenant_id.eq(tx.tenant_id))
        .filter(entries::account_id.eq(account_id))
        .filter(entries::sequence.gt(after_sequence))
        .order(entries::sequence)
        .limit(limit)
        .select(row::<EntryRow>())
        .load(&mut *tx.connection)?;
    rows.into_iter().map(EntryRow::read).collect()
}

fn credits(micros: i64, what: &'static str) -> Result<Credits, StoreError> {
    Credits::from_micros(micros).ok_or(StoreError::Corrupt(what))
}

fn amount(micros: i64, what: &'static str) -> Result<Amount, StoreError> {
    Amount::from_micros(micros).ok_or(StoreError::Corrupt(what))
}

impl AccountRow {
    fn of(tenant_id: i64, account: &Account) -> Self {
        Self {
            tenant_id,
            id: account.id,
            balance: account.balance.micros(),
            lifetime_earned: account.lifetime_earned.micros(),
            lifetime_spent: account.lifetime_spent.micros(),
            floor: account.floor.micros(),
            entries: account.entries,
        }
    }

    fn read(self) -> Result<Account, StoreError> {
        Ok(Account {
            id: self.id,
            balance: credits(self.balance, "account")?,
            lifetime_earned: credits(self.lifetime_earned, "account")?,
            lifetime_spent: credits(self.lifetime_spent, "account")?,
            floor: credits(self.floor, "account")?,
            entries: self.entries,
        })
    }
}

impl EntryRow {
    fn of(tenant_id: i64, entry: &Entry) -> Self {
        Self {
            tenant_id,
            account_id: entry.account_id,
            sequence: entry.sequence,
            transaction_id: entry.transaction_id.as_bytes().to_vec(),
            app_id: entry.app_id,
            kind: entry.kind.as_str().to_owned(),
            amount: entry.amount.micros(),
            units: entry.units.map(Amount::micros),
            balance_after: entry.balance_after.micros(),
            description: entry.description.clone(),
            reference: entry.reference.clone(),
            payment_id: entry.payment_id.map(|id| id.as_bytes().to_vec()),
            created_at_us: entry.created_at_us,
            event_id: None,
        }
    }

    pub(super) fn read(self) -> Result<Entry, StoreError> {
        Ok(Entry {
            account_id: self.account_id,
            sequence: self.sequence,
            transaction_id: tx::uuid(&self.transaction_id)?,
            app_id: self.app_id,
            kind: self.kind.parse::<EntryKind>().map_err(|_| StoreError::Corrupt("entry"))?,
            amount: credits(self.amount, "entry")?,
            units: self.units.map(|units| amount(units, "entry")).transpose()?,
            balance_after: credits(self.balance_after, "entry")?,
            description: self.description,
            reference: self.reference,
            payment_id: self.payment_id.as_deref().map(tx::uuid).transpose()?,
            created_at_us: self.created_at_us,
        })
    }
}

impl PaymentRow {
    fn of(tenant_id: i64, payment: &Payment) -> Self {
        Self {
            tenant_id,
            id: payment.id.as_bytes().to_vec(),
            account_id: payment.account_id,
            app_id: payment.app_id,
            amount: payment.amount.micros(),
            currency: payment.currency.as_str().to_owned(),
            credits: payment.credits.map(Amount::micros),
            status: payment.status.as_str().to_owned(),
            external_id: payment.external_id.clone(),
            credited_sequence: payment.credited.map(|key| key.sequence),
            created_at_us: payment.created_at_us,
            updated_at_us: payment.updated_at_us,
        }
    }

    pub(super) fn read(self) -> Result<Payment, StoreError> {
        let corrupt = || StoreError::Corrupt("payment");
        Ok(Payment {
            id: tx::uuid(&self.id)?,
            account_id: self.account_id,
            app_id: self.app_id,
            amount: amount(self.amount, "payment")?,
            currency: self.currency.parse::<Currency>().map_err(|_| corrupt())?,
            credits: self.credits.map(|credits| amount(credits, "payment")).transpose()?,
            status: self.status.parse::<PaymentStatus>().map_err(|_| corrupt())?,
            external_id: self.external_id,
            credited: self.credited_sequence.map(|sequence| EntryKey { account_id: self.account_id, sequence }),
            created_at_us: self.created_at_us,
            updated_at_us: self.updated_at_us,
        })
    }
}
