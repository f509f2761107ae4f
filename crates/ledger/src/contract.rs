//! The suite that every [`Storage`] passes (feature `contract`). It panics at the first broken promise.

#![expect(clippy::expect_used, reason = "a test suite fails by panicking")]

use alloc::{
    format,
    string::{String, ToString},
};
use core::fmt::Debug;

use uuid::Uuid;

use crate::{Account, Amount, Credits, Currency, Entry, EntryKey, EntryKind, Payment, PaymentStatus, Posting, Storage};

mod commands;
mod history;
mod payments;
mod postings;

/// The apps that the suite posts for; a store with foreign keys has them beforehand.
pub const APP_IDS: [i64; 2] = [1, 2];

/// The accounts that the suite opens; a store with foreign keys has their users beforehand.
pub const ACCOUNT_IDS: [i64; 7] = [11, 12, 13, 14, 15, 16, 17];

/// A store under test.
pub trait Fixture {
    /// The storage: one open transaction, which may borrow its connection.
    type Store<'t>: Storage<Error: Debug>;

    /// Opens a transaction of the same store and tenant and runs the work in it. Commits it if the work is `Ok`; else
    /// rolls it back and hands the error on. A commit that fails is an `Err` too. The work is not tried again.
    fn transact<R>(&mut self, work: impl FnOnce(&mut Self::Store<'_>) -> Result<R, String>) -> Result<R, String>;
}

/// Runs the suite on a store that has no accounts, entries and payments yet.
///
/// # Panics
/// At the first promise of [`Storage`] that the store breaks.
pub fn run<F: Fixture>(store: &mut F) {
    accounts_are_opened_once(store);
    floors_are_set(store);
    postings::run(store);
    payments::run(store);
    history::run(store);
    commands::run(store);
}

fn accounts_are_opened_once<F: Fixture>(store: &mut F) {
    let [id, ..] = ACCOUNT_IDS;
    assert_eq!(account(store, id), None, "an unknown account is none");
    refuses(store, "the work's own error is handed on", |tx| {
        tx.insert_account(&Account::new(id)).map_err(text)?;
        Err::<(), _>("changed my mind".to_string())
    });
    assert_eq!(account(store, id), None, "what is not committed is gone");

    let opened = Account {
        balance: credits(-999_999_999_999_999_999),
        lifetime_earned: credits(1),
        lifetime_spent: Credits::MAX,
        floor: credits(-1_000_000_000_000_000_000),
        entries: 3,
        ..Account::new(id)
    };
    commits(store, |tx| {
        tx.insert_account(&opened).expect("insert_account");
        let within = tx.account(id).expect("account");
        assert_eq!(within.as_ref(), Some(&opened), "a transaction reads what it wrote");
    });
    assert_eq!(account(store, id), Some(opened.clone()), "an account is kept to the millionth");

    refuses(store, "an account is opened once", |tx| tx.insert_account(&Account::new(id)).map_err(text));
    assert_eq!(account(store, id), Some(opened), "a refused account changes nothing");
}

fn floors_are_set<F: Fixture>(store: &mut F) {
    let [_, id, .., unknown] = ACCOUNT_IDS;
    let opened = open(store, id);
    for floor in [credits(-1), Credits::MAX, Credits::ZERO] {
        let known = commits(store, |tx| tx.set_floor(id, floor).expect("set_floor"));
        assert!(known, "there is such an account");
        let expected = Account { floor, ..opened.clone() };
        assert_eq!(account(store, id), Some(expected), "the floor is set and nothing else");
    }
    let known = commits(store, |tx| tx.set_floor(unknown, Credits::ZERO).expect("set_floor"));
    assert!(!known, "an unknown account is said to be unknown");
    assert_eq!(account(store, unknown), None, "setting a floor opens no account");
}

/// Runs work that must succeed, and commits it.
fn commits<F: Fixture, R>(store: &mut F, work: impl FnOnce(&mut F::Store<'_>) -> R) -> R {
    store.transact(|tx| Ok(work(tx))).expect("commit")
}

/// Runs work that must fail, in the work or at the commit.
fn refuses<F: Fixture>(store: &mut F, promise: &str, work: impl FnOnce(&mut F::Store<'_>) -> Result<(), String>) {
    assert!(store.transact(work).is_err(), "{promise}");
}

fn open<F: Fixture>(store: &mut F, id: i64) -> Account {
    let account = Account::new(id);
    commits(store, |tx| tx.insert_account(&account).expect("insert_account"));
    account
}

fn account<F: Fixture>(store: &mut F, id: i64) -> Option<Account> {
    commits(store, |tx| tx.account(id).expect("account"))
}

fn entry<F: Fixture>(store: &mut F, account_id: i64, sequence: i64) -> Option<Entry> {
    commits(store, |tx| tx.entry(EntryKey { account_id, sequence }).expect("entry"))
}

fn payment<F: Fixture>(store: &mut F, id: Uuid) -> Option<Payment> {
    commits(store, |tx| tx.payment(id).expect("payment"))
}

fn post<F: Fixture>(store: &mut F, posting: &Posting) {
    commits(store, |tx| tx.post(posting).expect("post"));
}

/// The next bonus of an account, of one millionth per sequence, with its sequence for a time and no reference.
fn bonus(account: &Account) -> Posting {
    let [app_id, _] = APP_IDS;
    let sequence = account.entries.saturating_add(1);
    let amount = credits(sequence);
    let balance = account.balance.checked_add(amount).expect("a small sum");
    let lifetime_earned = account.lifetime_earned.checked_add(amount).expect("a small sum");
    let account = Account { balance, lifetime_earned, entries: sequence, ..account.clone() };
    let entry = Entry {
        account_id: account.id,
        sequence,
        transaction_id: Uuid::from_u64_pair(account.id.unsigned_abs(), sequence.unsigned_abs()),
        app_id,
        kind: EntryKind::Bonus,
        amount,
        units: None,
        balance_after: balance,
        description: None,
        reference: None,
        payment_id: None,
        created_at_us: sequence,
    };
    Posting { entry, account, payment: None }
}

/// A succeeded payment without credits and external id.
fn paid(id: u128, account_id: i64) -> Payment {
    let [app_id, _] = APP_IDS;
    Payment {
        id: Uuid::from_u128(id),
        account_id,
        app_id,
        amount: Amount::ONE,
        currency: "EUR".parse::<Currency>().expect("a currency"),
        credits: None,
        status: PaymentStatus::Succeeded,
        external_id: None,
        credited: None,
        created_at_us: 1,
        updated_at_us: 2,
    }
}

fn credits(micros: i64) -> Credits {
    Credits::from_micros(micros).expect("a sum in range")
}

fn amount(micros: i64) -> Amount {
    Amount::from_micros(micros).expect("an amount in range")
}

fn text(error: impl Debug) -> String {
    format!("{error:?}")
}
