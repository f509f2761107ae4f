//! Entries are kept to the byte, found by key and by reference, and never posted twice.

use alloc::{
    format,
    string::{String, ToString},
};

use uuid::Uuid;

use super::{
    ACCOUNT_IDS, APP_IDS, Fixture, account, amount, bonus, commits, credits, entry, open, post, refuses, text,
};
use crate::{Account, Credits, Entry, EntryKey, EntryKind, Posting, Storage};

pub(super) fn run<F: Fixture>(store: &mut F) {
    let [_, _, id, other_id, ..] = ACCOUNT_IDS;
    let (account, other) = (open(store, id), open(store, other_id));
    let account = entries_are_kept_to_the_byte(store, &account);
    references_belong_to_an_app(store, &account, &other);
    nothing_is_posted_twice(store, id, other_id);
}

fn entries_are_kept_to_the_byte<F: Fixture>(store: &mut F, opened: &Account) -> Account {
    let id = opened.id;
    assert_eq!(entry(store, id, 1), None, "an unknown entry is none");
    let first = bonus(opened);
    refuses(store, "the work's own error is handed on", |tx| {
        tx.post(&first).map_err(text)?;
        Err("changed my mind".to_string())
    });
    assert_eq!(account(store, id), Some(opened.clone()), "a posting is rolled back whole");
    assert_eq!(entry(store, id, 1), None, "a posting is rolled back whole");

    commits(store, |tx| {
        tx.post(&first).expect("post");
        let within = tx.entry(first.entry.key()).expect("entry");
        assert_eq!(within.as_ref(), Some(&first.entry), "a transaction reads what it wrote");
        let within = tx.account(id).expect("account");
        assert_eq!(within.as_ref(), Some(&first.account), "a transaction reads what it wrote");
    });
    assert_eq!(entry(store, id, 1), Some(first.entry.clone()), "what is not given stays so");

    let second = bonus(&first.account);
    let full = Posting {
        account: Account {
            balance: credits(-999_999_999_999_999_999),
            lifetime_spent: Credits::MAX,
            ..Account { lifetime_earned: credits(1), ..second.account }
        },
        entry: Entry {
            transaction_id: Uuid::from_u128(u128::MAX),
            kind: EntryKind::Deduction,
            amount: credits(-1_000_000_000_000_000_000),
            units: Some(amount(1)),
            balance_after: credits(-999_999_999_999_999_999),
            description: Some("\u{e9}t\u{e9} 'quoted' \"\\ \u{1f600}\r\n".to_string()),
            reference: Some("R\u{e9}f %_' 1".to_string()),
            payment_id: Some(Uuid::from_u128(1)),
            created_at_us: i64::MAX,
            ..second.entry
        },
        payment: None,
    };
    post(store, &full);
    assert_eq!(entry(store, id, 2), Some(full.entry.clone()), "every member, to the byte");
    assert_eq!(account(store, id), Some(full.account.clone()), "the account is as posted");
    assert_eq!(entry(store, id, 1), Some(first.entry), "an entry is never altered");

    let third = bonus(&full.account);
    let empty =
        Posting { entry: Entry { description: Some(String::new()), created_at_us: -1, ..third.entry }, ..third };
    post(store, &empty);
    assert_eq!(entry(store, id, 3), Some(empty.entry), "an empty description is not none");
    empty.account
}

fn references_belong_to_an_app<F: Fixture>(store: &mut F, account: &Account, other: &Account) {
    let [app_id, other_app] = APP_IDS;
    let long = "x".repeat(255);
    let mut account = account.clone();
    for reference in ["order-1", "Order-1", "order-1 ", "\u{3a9}", long.as_str()] {
        assert_eq!(find(store, app_id, reference), None, "an unknown reference is none");
        let posting = with_reference(bonus(&account), app_id, reference);
        post(store, &posting);
        assert_eq!(find(store, app_id, reference), Some(posting.entry), "by reference");
        assert_eq!(find(store, other_app, reference), None, "references belong to an app");
        account = posting.account;
    }
    let posting = with_reference(bonus(other), other_app, "order-1");
    commits(store, |tx| {
        tx.post(&posting).expect("the same reference in another app");
        let within = tx.entry_by_reference(other_app, "order-1").expect("entry_by_reference");
        assert_eq!(within.as_ref(), Some(&posting.entry), "a transaction finds what it wrote");
    });
    let first = find(store, app_id, "order-1").expect("still there");
    assert_eq!((first.account_id, first.app_id), (account.id, app_id), "each app finds its own");
}

fn nothing_is_posted_twice<F: Fixture>(store: &mut F, id: i64, other_id: i64) {
    let [app_id, _] = APP_IDS;
    let before = account(store, id).expect("account");
    let other_before = account(store, other_id).expect("account");
    let posted = find(store, app_id, "order-1");

    let again = Posting { account: bonus(&before).account, ..bonus(&Account::new(id)) };
    refuses(store, "a sequence is posted once", |tx| tx.post(&again).map_err(text));
    let reference = with_reference(bonus(&before), app_id, "order-1");
    refuses(store, "a reference is posted once", |tx| tx.post(&reference).map_err(text));
    let reference = with_reference(bonus(&other_before), app_id, "order-1");
    refuses(store, "a reference is posted once, whatever the account", |tx| tx.post(&reference).map_err(text));

    let next = before.entries.saturating_add(1);
    let tried = format!("a refused posting of sequence {next} leaves nothing");
    assert_eq!(entry(store, id, next), None, "{tried}");
    assert_eq!(account(store, id), Some(before), "{tried}");
    assert_eq!(account(store, other_id), Some(other_before), "{tried}");
    assert_eq!(find(store, app_id, "order-1"), posted, "{tried}");
}

fn with_reference(posting: Posting, app_id: i64, reference: &str) -> Posting {
    let entry = Entry { app_id, reference: Some(reference.to_string()), ..posting.entry };
    Posting { entry, ..posting }
}

fn find<F: Fixture>(store: &mut F, app_id: i64, reference: &str) -> Option<Entry> {
    let found = commits(store, |tx| tx.entry_by_reference(app_id, reference).expect("entry_by_reference"));
    if let Some(found) = &found {
        let key: EntryKey = found.key();
        let same = entry(store, key.account_id, key.sequence);
        assert_eq!(same.as_ref(), Some(found), "by reference and by key it is the same entry");
    }
    found
}
