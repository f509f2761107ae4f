//! [`Storage`], what the ledger asks of a database, and [`execute`], which loads, decides and stores.

use alloc::{string::String, vec::Vec};

use uuid::Uuid;

use crate::{
    Account, Command, Credits, Decision, Entry, EntryKey, EntryKind, Payment, Posting, Rejection, State, decide,
};

/// Where accounts, entries and payments are kept. One value is one open transaction of one tenant: what it writes it
/// reads again, all of it is kept if the transaction commits and none of it if not, and nothing of another tenant is
/// ever found.
///
/// A false answer costs money: an entry that is not found is posted twice, an account that is read while another
/// transaction changes it is spent twice. After an error the transaction is given up; it may be tried again whole.
pub trait Storage {
    /// What can go wrong in the store.
    type Error;

    /// An account; `None` if there is none. From here until the end of the transaction no other one changes it: it
    /// waits, or one of the two fails and is tried again.
    fn account(&mut self, account_id: i64) -> Result<Option<Account>, Self::Error>;

    /// The entry that an app posted under a reference, to whatever account. References are compared byte by byte.
    fn entry_by_reference(&mut self, app_id: i64, reference: &str) -> Result<Option<Entry>, Self::Error>;

    /// An entry; `None` if there is none.
    fn entry(&mut self, key: EntryKey) -> Result<Option<Entry>, Self::Error>;

    /// A payment; `None` if there is none.
    fn payment(&mut self, id: Uuid) -> Result<Option<Payment>, Self::Error>;

    /// Stores a new account; an error if there is one with its id.
    fn insert_account(&mut self, account: &Account) -> Result<(), Self::Error>;

    /// Sets an account's floor, and nothing else. False if there is no such account.
    fn set_floor(&mut self, account_id: i64, floor: Credits) -> Result<bool, Self::Error>;

    /// Stores a new payment; an error if there is one with its id, or one of its app with its external id.
    fn insert_payment(&mut self, payment: &Payment) -> Result<(), Self::Error>;

    /// Sets a payment's `status` and `updated_at_us`, whatever else `payment` says. There has to be one.
    fn update_payment(&mut self, payment: &Payment) -> Result<(), Self::Error>;

    /// Stores a posting: inserts the entry, sets the account's sums and count to those given, and
    /// marks the payment, if there is one, as credited by the entry.
    ///
    /// An error if the account has an entry with this sequence, or the app one with this reference.
    fn post(&mut self, posting: &Posting) -> Result<(), Self::Error>;

    /// The entries of an account that the query asks for, newest (largest sequence) first.
    fn history(&mut self, account_id: i64, query: &HistoryQuery) -> Result<Vec<Entry>, Self::Error>;
}

/// Which entries of an account: those that pass every filter, at most `limit` of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Only those with a smaller sequence: where the page before ended.
    pub before_sequence: Option<i64>,
    /// At most so many; 0 are none.
    pub limit: u32,
    /// Only of this kind.
    pub kind: Option<EntryKind>,
    /// Only those posted then or later, Unix microseconds.
    pub from_us: Option<i64>,
    /// Only those posted before, Unix microseconds.
    pub to_us: Option<i64>,
    /// Only those posted under this reference, by whatever app.
    pub reference: Option<String>,
}

impl HistoryQuery {
    /// The newest entries, unfiltered.
    pub const fn newest(limit: u32) -> Self {
        Self { before_sequence: None, limit, kind: None, from_us: None, to_us: None, reference: None }
    }
}

/// What a command came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The entry is new.
    Posted(Entry),
    /// The entry is what the same request posted before.
    Replayed(Entry),
}

impl Outcome {
    /// The entry, new or not.
    pub const fn entry(&self) -> &Entry {
        match self {
            Self::Posted(entry) | Self::Replayed(entry) => entry,
        }
    }
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error<E> {
    /// The store failed: the transaction has to be given up.
    #[error("the ledger's storage failed")]
    Storage(#[source] E),
    /// There is no such account.
    #[error("there is no such account")]
    UnknownAccount,
    /// The ledger refuses. Nothing was written.
    #[error(transparent)]
    Rejected(#[from] Rejection),
}

/// Carries out one command in the store's transaction: loads what [`decide`] looks at, decides, stores.
///
/// # Errors
/// [`Error::UnknownAccount`] and [`Error::Rejected`] leave the transaction as it was; it may go on.
pub fn execute<S: Storage>(store: &mut S, command: &Command, now_us: i64) -> Result<Outcome, Error<S::Error>> {
    let account = store.account(command.account_id()).map_err(Error::Storage)?.ok_or(Error::UnknownAccount)?;
    let by_reference = match command.reference() {
        Some(reference) => store.entry_by_reference(command.app_id(), reference).map_err(Error::Storage)?,
        None => None,
    };
    let payment = match command.payment_id() {
        Some(id) => store.payment(id).map_err(Error::Storage)?,
        None => None,
    };
    let by_payment = match payment.as_ref().and_then(|payment| payment.credited) {
        Some(key) => store.entry(key).map_err(Error::Storage)?,
        None => None,
    };
    let state = State {
        account: &account,
        by_reference: by_reference.as_ref(),
        payment: payment.as_ref(),
        by_payment: by_payment.as_ref(),
    };
    match decide(&state, command, now_us)? {
        Decision::Replay(entry) => Ok(Outcome::Replayed(entry)),
        Decision::Post(posting) => {
            store.post(&posting).map_err(Error::Storage)?;
            Ok(Outcome::Posted(posting.entry))
        }
    }
}
