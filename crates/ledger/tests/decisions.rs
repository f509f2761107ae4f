//! The table of `decide`, row by row: each row alone, and where a later row holds as well.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use osaycore_ledger::{
    Account, Add, AddKind, Amount, AmountError, Charge, Command, Credits, Decision, Deduct, Entry, EntryKey, EntryKind,
    Payment, PaymentFault, PaymentStatus, Posting, Rejection, State, decide,
};
use uuid::Uuid;

const NOW_US: i64 = 1_700_000_000_000_000;

fn credits(text: &str) -> Credits {
    text.parse().unwrap()
}

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

/// Earned 1,000,000 credits; the rest of them spent.
fn account(balance: &str, floor: &str) -> Account {
    let (earned, balance) = (credits("1000000"), credits(balance));
    Account {
        balance,
        lifetime_earned: earned,
        lifetime_spent: earned.checked_sub(balance).unwrap(),
        floor: credits(floor),
        entries: 41,
        ..Account::new(7)
    }
}

fn deduct() -> Deduct {
    Deduct {
        account_id: 7,
        app_id: 1,
        transaction_id: Uuid::from_u128(9),
        charge: Charge::Amount(amount("10")),
        description: Some("a picture".to_owned()),
        reference: Some("order 17".to_owned()),
    }
}

fn units(units: &str, rate: &str) -> Charge {
    Charge::Units { units: amount(units), rate: amount(rate) }
}

fn purchase() -> Add {
    Add {
        account_id: 7,
        app_id: 1,
        transaction_id: Uuid::from_u128(9),
        amount: amount("10"),
        kind: AddKind::Purchase,
        description: None,
        reference: Some("order 17".to_owned()),
        payment_id: Some(Uuid::from_u128(3)),
    }
}

fn payment() -> Payment {
    Payment {
        id: Uuid::from_u128(3),
        account_id: 7,
        app_id: 1,
        amount: amount("9.99"),
        currency: "EUR".parse().unwrap(),
        credits: Some(amount("10.00")),
        status: PaymentStatus::Succeeded,
        external_id: None,
        credited: None,
        created_at_us: 1,
        updated_at_us: 1,
    }
}

fn posting(account: &Account, command: &Command) -> Posting {
    let state = State { account, by_reference: None, payment: None, by_payment: None };
    let paid = Payment { credits: None, ..payment() };
    let state = State { payment: command.payment_id().is_some().then_some(&paid), ..state };
    match decide(&state, command, NOW_US).unwrap() {
        Decision::Post(posting) => posting,
        Decision::Replay(entry) => unreachable!("a replay of {entry:?}"),
    }
}

fn posted(command: &Command) -> Entry {
    posting(&account("100", "0"), command).entry
}

fn rejected(state: &State<'_>, command: &Command) -> Rejection {
    decide(state, command, NOW_US).unwrap_err()
}

#[test]
fn row_1_a_repeat_is_replayed_before_everything_else() {
    // Nothing else is looked at: not the balance, the rate, the payment, the limits.
    let broke = Account { lifetime_spent: Credits::MAX, entries: i64::MAX, ..account("0", "500") };
    let failed = Payment { status: PaymentStatus::Failed, account_id: 8, ..payment() };
    let plain = deduct();
    let in_units = Deduct { charge: units("10", "0.5"), ..deduct() };
    let new_rate = Deduct { charge: units("10.000", "0.000001"), ..deduct() };
    let same_value =
        Deduct { charge: Charge::Amount(amount("10.00")), transaction_id: Uuid::from_u128(10), ..deduct() };
    for (first, second) in [
        (Command::Deduct(plain.clone()), Command::Deduct(plain)),
        (Command::Deduct(deduct()), Command::Deduct(same_value)),
        (Command::Deduct(in_units), Command::Deduct(new_rate)),
        (Command::Add(purchase()), Command::Add(purchase())),
    ] {
        let entry = posted(&first);
        let state = State { account: &broke, by_reference: Some(&entry), payment: Some(&failed), by_payment: None };
        let decision = decide(&state, &second, NOW_US + 1);
        assert_eq!(decision, Ok(Decision::Replay(entry.clone())), "{second:?}");
    }
}

#[test]
fn row_2_a_conflict_names_the_first_member_that_differs() {
    let deducted = Command::Deduct(deduct());
    let in_units = Command::Deduct(Deduct { charge: units("10", "1"), ..deduct() });
    let added = Command::Add(purchase());
    let other = Some("another".to_owned());
    let add = |kind, payment_id| Command::Add(Add { kind, payment_id, ..purchase() });
    for (first, second, field) in [
        (&deducted, Command::Add(Add { account_id: 8, ..purchase() }), "operation"),
        (&added, deducted.clone(), "operation"),
        (
            &deducted,
            Command::Deduct(Deduct { account_id: 8, charge: Charge::Amount(amount("11")), ..deduct() }),
            "user_id",
        ),
        (
            &deducted,
            Command::Deduct(Deduct { charge: Charge::Amount(amount("10.000001")), description: None, ..deduct() }),
            "amount",
        ),
        (&deducted, in_units.clone(), "amount"),
        (&in_units, deducted.clone(), "amount"),
        (
            &in_units,
            Command::Deduct(Deduct { charge: units("11", "1"), description: other.clone(), ..deduct() }),
            "units",
        ),
        (&deducted, Command::Deduct(Deduct { description: None, ..deduct() }), "description"),
        (&deducted, Command::Deduct(Deduct { description: other.clone(), ..deduct() }), "description"),
        (&added, Command::Add(Add { account_id: 8, ..purchase() }), "user_id"),
        (&added, Command::Add(Add { amount: amount("1"), kind: AddKind::Bonus, ..purchase() }), "amount"),
        (&added, add(AddKind::Bonus, None), "transaction_type"),
        (&added, add(AddKind::Purchase, None), "payment_id"),
        (&added, add(AddKind::Purchase, Some(Uuid::nil())), "payment_id"),
        (&added, Command::Add(Add { description: other, ..purchase() }), "description"),
    ] {
        let entry = posted(first);
        // The later rows hold as well: the payment is unknown, and the account has nothing.
        let account = account("0", "0");
        let state = State { account: &account, by_reference: Some(&entry), payment: None, by_payment: None };
        let rejection = rejected(&state, &second);
        assert_eq!(rejection, Rejection::ReferenceConflict { field }, "after {first:?}");
        assert_eq!(rejection.field(), Some(field));
    }
}

#[test]
fn row_3_only_a_purchase_names_a_payment() {
    let account = account("0", "0");
    let entry = posted(&Command::Add(purchase()));
    for kind in [AddKind::Bonus, AddKind::Refund, AddKind::Adjustment, AddKind::Earned] {
        for by_payment in [None, Some(&entry)] {
            let state = State { account: &account, by_reference: None, payment: None, by_payment };
            let rejection = rejected(&state, &Command::Add(Add { kind, ..purchase() }));
            let fault = PaymentFault::NotAPurchase;
            assert_eq!(rejection, Rejection::PaymentInvalid { fault });
            assert_eq!(rejection.field(), Some("payment_id"));
        }
    }
}

#[test]
fn row_4_of_another_users_payment_nothing_is_told() {
    let account = account("0", "0");
    let theirs = Add { account_id: 8, ..purchase() };
    let entry = Entry { account_id: 8, ..posted(&Command::Add(purchase())) };
    // Each as if there were no such payment: neither that it is credited shows, nor how it stands.
    for (credited, by_payment) in [(None, None), (Some(entry.key()), Some(&entry)), (Some(entry.key()), None)] {
        for status in [PaymentStatus::Pending, PaymentStatus::Succeeded, PaymentStatus::Failed] {
            let payment = Payment { account_id: 8, credited, status, ..payment() };
            let state = State { account: &account, by_reference: None, payment: Some(&payment), by_payment };
            for request in
                [purchase(), Add { reference: None, ..purchase() }, Add { amount: amount("1"), ..purchase() }]
            {
                let rejection = rejected(&state, &Command::Add(request));
                assert_eq!(rejection, Rejection::PaymentInvalid { fault: PaymentFault::Unknown }, "{payment:?}");
            }
        }
    }
    // Its owner is told.
    let credited = Payment { account_id: 8, credited: Some(entry.key()), ..payment() };
    let owner = Account { id: 8, ..account };
    let state = State { account: &owner, by_reference: None, payment: Some(&credited), by_payment: Some(&entry) };
    assert_eq!(decide(&state, &Command::Add(theirs.clone()), NOW_US), Ok(Decision::Replay(entry.clone())));
    assert_eq!(rejected(&state, &Command::Add(Add { reference: None, ..theirs })), Rejection::PaymentUsed);
}

#[test]
fn rows_5_and_6_a_payment_is_used_once() {
    let full = Account { lifetime_earned: Credits::MAX, ..account("0", "0") };
    let without = Add { reference: None, ..purchase() };
    let entry = posted(&Command::Add(without.clone()));
    // The later rows hold as well: it has failed since, it is for another number of credits.
    let credited =
        Payment { credited: Some(entry.key()), status: PaymentStatus::Failed, credits: Some(amount("1")), ..payment() };
    let state = State { account: &full, by_reference: None, payment: Some(&credited), by_payment: Some(&entry) };
    let again = Command::Add(Add { transaction_id: Uuid::nil(), ..without.clone() });
    assert_eq!(decide(&state, &again, NOW_US), Ok(Decision::Replay(entry.clone())));

    for other in [
        Add { app_id: 2, ..without.clone() },
        Add { amount: amount("11"), ..without.clone() },
        Add { description: Some(String::new()), ..without.clone() },
        Add { reference: Some("order 18".to_owned()), ..without.clone() },
    ] {
        assert_eq!(rejected(&state, &Command::Add(other)), Rejection::PaymentUsed);
    }
    // A mark without its entry is a use as well.
    let state = State { by_payment: None, ..state };
    assert_eq!(rejected(&state, &Command::Add(without)), Rejection::PaymentUsed);
}

#[test]
fn rows_4_7_and_8_a_payment_must_pay_for_this() {
    let full = Account { lifetime_earned: Credits::MAX, ..account("0", "0") };
    let other_credits = Some(amount("10.000001"));
    let pending = PaymentStatus::Pending;
    for (payment, fault, field) in [
        (None, PaymentFault::Unknown, "payment_id"),
        (Some(Payment { account_id: 8, status: pending, ..payment() }), PaymentFault::Unknown, "payment_id"),
        (
            Some(Payment { status: pending, credits: other_credits, ..payment() }),
            PaymentFault::NotSucceeded,
            "payment_id",
        ),
        (Some(Payment { status: PaymentStatus::Failed, ..payment() }), PaymentFault::NotSucceeded, "payment_id"),
        (Some(Payment { credits: other_credits, ..payment() }), PaymentFault::OtherCredits, "amount"),
    ] {
        let state = State { account: &full, by_reference: None, payment: payment.as_ref(), by_payment: None };
        let rejection = rejected(&state, &Command::Add(purchase()));
        assert_eq!(rejection, Rejection::PaymentInvalid { fault }, "{payment:?}");
        assert_eq!(rejection.field(), Some(field));
    }
    // A payment of another app of the tenant, and one that names no credits, pay as well.
    for payment in [Payment { app_id: 2, ..payment() }, Payment { credits: None, ..payment() }] {
        let account = account("0", "0");
        let state = State { account: &account, by_reference: None, payment: Some(&payment), by_payment: None };
        let decision = decide(&state, &Command::Add(purchase()), NOW_US);
        assert!(matches!(decision, Ok(Decision::Post(_))), "{payment:?}: {decision:?}");
    }
}

#[test]
fn row_9_units_at_a_rate_are_exact() {
    for (charge, error) in
        [(units("0.001", "0.0001"), AmountError::TooPrecise), (units("1000000000000", "2"), AmountError::TooLarge)]
    {
        let broke = Account { lifetime_spent: Credits::MAX, ..account("0", "0") };
        let state = State { account: &broke, by_reference: None, payment: None, by_payment: None };
        let rejection = rejected(&state, &Command::Deduct(Deduct { charge, ..deduct() }));
        assert_eq!(rejection, Rejection::Charge(error));
    }
}

#[test]
fn rows_10_and_11_zero_and_the_floor() {
    enum Expected {
        Posted,
        Insufficient(&'static str),
        Minimum(&'static str),
    }
    use Expected::{Insufficient, Minimum, Posted};
    for (balance, floor, required, expected) in [
        // No floor of its own.
        ("10", "0", "10", Posted),
        ("10", "0", "10.000001", Insufficient("0.000001")),
        ("0", "0", "0.000001", Insufficient("0.000001")),
        // An overdraft: only the floor counts.
        ("10", "-5", "15", Posted),
        ("10", "-5", "15.000001", Minimum("0.000001")),
        ("-5", "-5", "1", Minimum("1")),
        ("-4", "-5", "1", Posted),
        // A reserve: zero comes first.
        ("10", "5", "5", Posted),
        ("10", "5", "5.000001", Minimum("0.000001")),
        ("10", "5", "10", Minimum("5")),
        ("10", "5", "10.000001", Insufficient("5.000001")),
        // Below the floor already, because it was raised: the gap has to be filled first.
        ("3", "5", "1", Minimum("3")),
        ("3", "5", "4", Insufficient("6")),
        ("-7", "-5", "1", Minimum("3")),
        ("-7", "0", "1", Insufficient("8")),
        ("-7", "5", "1", Insufficient("13")),
        // The ends of the range.
        ("-1000", "-1000000000000", "1000000000000", Minimum("1000")),
        ("-999000000000", "1000000000000", "1000000000000", Insufficient("2999000000000")),
    ] {
        let row = format!("{balance} − {required}, floor {floor}");
        let account = Account {
            balance: credits(balance),
            lifetime_earned: Credits::ZERO,
            lifetime_spent: Credits::ZERO,
            ..account("0", floor)
        };
        let state = State { account: &account, by_reference: None, payment: None, by_payment: None };
        let (balance, required) = (account.balance, amount(required));
        let charge = Charge::Amount(required);
        let decision = decide(&state, &Command::Deduct(Deduct { charge, ..deduct() }), NOW_US);
        let written = |shortfall: Credits| shortfall.to_string().parse::<rust_decimal::Decimal>();
        match expected {
            Posted => assert!(matches!(decision, Ok(Decision::Post(_))), "{row}: {decision:?}"),
            Insufficient(missing) => {
                let Err(Rejection::InsufficientCredits { shortfall, .. }) = decision else {
                    unreachable!("{row}: {decision:?}")
                };
                assert_eq!(written(shortfall), missing.parse(), "{row}");
                let told = Rejection::InsufficientCredits { balance, required, shortfall };
                assert_eq!(decision, Err(told), "{row}");
            }
            Minimum(missing) => {
                let Err(Rejection::MinimumBalance { shortfall, .. }) = decision else {
                    unreachable!("{row}: {decision:?}")
                };
                assert_eq!(written(shortfall), missing.parse(), "{row}");
                let told = Rejection::MinimumBalance { balance, required, shortfall };
                assert_eq!(decision, Err(told), "{row}");
            }
        }
    }
}

#[test]
fn row_12_no_sum_passes_the_limit() {
    let limit = credits("1000000000000");
    let near = |earned: Credits, spent: Credits, floor| Account {
        balance: earned.checked_sub(spent).unwrap(),
        lifetime_earned: earned,
        lifetime_spent: spent,
        ..account("0", floor)
    };
    let ten = credits("10");
    let (below, just_below) = (limit.checked_sub(ten).unwrap(), credits("999999999990.000001"));
    let add = Command::Add(Add { payment_id: None, ..purchase() });
    let deduct = Command::Deduct(deduct());
    for (account, command, fits) in [
        (near(below, Credits::ZERO, "0"), &add, true),
        (near(just_below, Credits::ZERO, "0"), &add, false),
        // The balance would have room, the sum of all that was earned has not.
        (near(just_below, just_below, "0"), &add, false),
        (near(limit, below, "0"), &deduct, true),
        (near(limit, just_below, "-100"), &deduct, false),
        (Account { entries: i64::MAX, ..near(limit, below, "0") }, &deduct, false),
    ] {
        let state = State { account: &account, by_reference: None, payment: None, by_payment: None };
        let decision = decide(&state, command, NOW_US);
        assert_eq!(decision.is_ok(), fits, "{account:?}: {decision:?}");
        if !fits {
            assert_eq!(decision, Err(Rejection::BalanceLimit));
        }
    }
    // A refusal for the balance comes before the limit.
    let account = near(limit, limit, "0");
    let state = State { account: &account, by_reference: None, payment: None, by_payment: None };
    let rejection = rejected(&state, &deduct);
    assert!(matches!(rejection, Rejection::InsufficientCredits { .. }), "{rejection:?}");
}

#[test]
fn row_13_a_posting_says_all() {
    let before = account("100", "-5");
    let Posting { entry, account, payment } =
        posting(&before, &Command::Deduct(Deduct { charge: units("0.25", "10"), ..deduct() }));
    let expected = Entry {
        account_id: 7,
        sequence: 42,
        transaction_id: Uuid::from_u128(9),
        app_id: 1,
        kind: EntryKind::Deduction,
        amount: credits("-2.50"),
        units: Some(amount("0.25")),
        balance_after: credits("97.50"),
        description: Some("a picture".to_owned()),
        reference: Some("order 17".to_owned()),
        payment_id: None,
        created_at_us: NOW_US,
    };
    assert_eq!(entry, expected);
    let after = Account {
        balance: credits("97.50"),
        lifetime_spent: before.lifetime_spent.checked_add(credits("2.50")).unwrap(),
        entries: 42,
        ..before.clone()
    };
    assert_eq!((account, payment), (after, None));

    for kind in [AddKind::Purchase, AddKind::Bonus, AddKind::Refund, AddKind::Adjustment, AddKind::Earned] {
        let payment_id = (kind == AddKind::Purchase).then_some(Uuid::from_u128(3));
        let add = Add { kind, payment_id, ..purchase() };
        let Posting { entry, account, payment } = posting(&before, &Command::Add(add));
        let expected = Entry {
            kind: kind.as_str().parse().unwrap(),
            amount: credits("10"),
            units: None,
            balance_after: credits("110"),
            description: None,
            payment_id,
            ..expected.clone()
        };
        assert_eq!(entry.key(), EntryKey { account_id: 7, sequence: 42 });
        assert_eq!(entry, expected);
        let after =
            Account { balance: credits("110"), lifetime_earned: credits("1000010"), entries: 42, ..before.clone() };
        assert_eq!((account, payment), (after, payment_id), "{kind} is earned");
    }
}

#[test]
fn payments_settle_once() {
    use PaymentStatus::{Failed, Pending, Succeeded};
    for (from, to, allowed) in [
        (Pending, Pending, true),
        (Pending, Succeeded, true),
        (Pending, Failed, true),
        (Succeeded, Succeeded, true),
        (Succeeded, Pending, false),
        (Succeeded, Failed, false),
        (Failed, Failed, true),
        (Failed, Pending, false),
        (Failed, Succeeded, false),
    ] {
        let before = Payment { status: from, ..payment() };
        let after = before.clone().transition(to, 5);
        let updated_at_us = if from == to { 1 } else { 5 };
        let expected = allowed.then_some(Payment { status: to, updated_at_us, ..before });
        assert_eq!(after.ok(), expected, "{from} to {to}");
    }
}
