//! Payments are kept once, change their status only, and are marked by the posting that they pay for.

use alloc::string::ToString;

use uuid::Uuid;

use super::{ACCOUNT_IDS, APP_IDS, Fixture, bonus, commits, paid, payment, refuses, text};
use crate::{Amount, Entry, Payment, PaymentStatus, Posting, Storage};

pub(super) fn run<F: Fixture>(store: &mut F) {
    payments_are_kept_once(store);
    only_the_status_changes(store);
    a_posting_marks_its_payment(store);
}

fn payments_are_kept_once<F: Fixture>(store: &mut F) {
    let [_, id, ..] = ACCOUNT_IDS;
    let [_, other_app] = APP_IDS;
    let plain = paid(1, id);
    assert_eq!(payment(store, plain.id), None, "an unknown payment is none");
    let full = Payment {
        amount: Amount::MAX,
        credits: Amount::from_micros(1),
        status: PaymentStatus::Pending,
        external_id: Some("pi_\u{e9}'1".to_string()),
        created_at_us: -1,
        updated_at_us: i64::MAX,
        ..paid(u128::MAX, id)
    };
    let elsewhere = Payment { id: Uuid::from_u128(2), app_id: other_app, ..full.clone() };
    let failed = Payment { status: PaymentStatus::Failed, ..paid(3, id) };
    for kept in [&plain, &full, &elsewhere, &failed] {
        commits(store, |tx| {
            tx.insert_payment(kept).expect("insert_payment");
            let within = tx.payment(kept.id).expect("payment");
            assert_eq!(within.as_ref(), Some(kept), "a transaction reads what it wrote");
        });
        assert_eq!(payment(store, kept.id).as_ref(), Some(kept), "every member, to the byte");
    }

    let same_id = Payment { amount: Amount::ONE, ..paid(u128::MAX, id) };
    refuses(store, "a payment is kept once", |tx| tx.insert_payment(&same_id).map_err(text));
    let same_external_id = Payment { id: Uuid::from_u128(4), ..full.clone() };
    refuses(store, "an external id is kept once in an app", |tx| tx.insert_payment(&same_external_id).map_err(text));
    assert_eq!(payment(store, full.id), Some(full), "a refused payment changes nothing");
    assert_eq!(payment(store, same_external_id.id), None, "a refused payment is not kept");
}

fn only_the_status_changes<F: Fixture>(store: &mut F) {
    let [_, id, other_id, ..] = ACCOUNT_IDS;
    let pending = Payment { status: PaymentStatus::Pending, ..paid(5, id) };
    commits(store, |tx| tx.insert_payment(&pending).expect("insert_payment"));
    let changed = Payment {
        account_id: other_id,
        amount: Amount::MAX,
        credits: Some(Amount::ONE),
        status: PaymentStatus::Succeeded,
        external_id: Some("another".to_string()),
        created_at_us: 77,
        updated_at_us: 99,
        ..pending.clone()
    };
    commits(store, |tx| tx.update_payment(&changed).expect("update_payment"));
    let expected = Payment { status: PaymentStatus::Succeeded, updated_at_us: 99, ..pending };
    assert_eq!(payment(store, expected.id), Some(expected), "status and time, and nothing else");
}

fn a_posting_marks_its_payment<F: Fixture>(store: &mut F) {
    let [_, id, ..] = ACCOUNT_IDS;
    let (first, second) = (paid(6, id), paid(7, id));
    let account = commits(store, |tx| {
        tx.insert_payment(&first).expect("insert_payment");
        tx.insert_payment(&second).expect("insert_payment");
        tx.account(id).expect("account").expect("opened before")
    });
    let posting = bonus(&account);
    let posting =
        Posting { payment: Some(first.id), entry: Entry { payment_id: Some(first.id), ..posting.entry }, ..posting };
    refuses(store, "the work's own error is handed on", |tx| {
        tx.post(&posting).map_err(text)?;
        Err("changed my mind".to_string())
    });
    assert_eq!(payment(store, first.id), Some(first.clone()), "a mark is rolled back");

    let marked = Payment { credited: Some(posting.entry.key()), ..first };
    commits(store, |tx| {
        tx.post(&posting).expect("post");
        let within = tx.payment(marked.id).expect("payment");
        assert_eq!(within.as_ref(), Some(&marked), "a transaction reads what it wrote");
    });
    assert_eq!(payment(store, marked.id), Some(marked.clone()), "marked by its entry");
    assert_eq!(payment(store, second.id), Some(second), "no other payment is marked");

    let unmarked = Payment { credited: None, updated_at_us: 100, ..marked.clone() };
    commits(store, |tx| tx.update_payment(&unmarked).expect("update_payment"));
    let expected = Payment { updated_at_us: 100, ..marked };
    assert_eq!(payment(store, expected.id), Some(expected), "an update takes no mark away");
}
