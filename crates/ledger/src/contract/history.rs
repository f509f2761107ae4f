//! Histories are whole, newest first, filtered, and cut into pages that fit together.

use alloc::{string::ToString, vec, vec::Vec};

use super::{ACCOUNT_IDS, APP_IDS, Fixture, bonus, commits, open};
use crate::{Account, Credits, Entry, EntryKind, HistoryQuery, Posting, Storage};

/// How many entries the account has.
const ENTRIES: i64 = 12;

pub(super) fn run<F: Fixture>(store: &mut F) {
    let [_, _, _, _, id, ..] = ACCOUNT_IDS;
    let mut account = open(store, id);
    assert_eq!(history(store, id, &all()), vec![], "no entries, no history");
    let mut newest_first = Vec::new();
    for _ in 0..ENTRIES {
        let posting = varied(&account);
        super::post(store, &posting);
        account = posting.account;
        newest_first.insert(0, posting.entry);
    }
    filters(store, id, &newest_first);
    pages_fit_together(store, id, &newest_first);
}

/// The next entry: every third a deduction, apps in turn, references of even sequences, times in pairs, backwards in
/// the second half (clocks of several servers disagree).
fn varied(account: &Account) -> Posting {
    let [app_id, other_app] = APP_IDS;
    let posting = bonus(account);
    let sequence = posting.entry.sequence;
    let kinds = [EntryKind::Bonus, EntryKind::Earned, EntryKind::Deduction];
    let kind = kinds.into_iter().cycle().nth(usize::try_from(sequence).unwrap_or(0));
    let kind = kind.unwrap_or(EntryKind::Bonus);
    let amount = posting.entry.amount;
    let deducted = kind == EntryKind::Deduction;
    let (earned, spent) = if deducted { (Credits::ZERO, amount) } else { (amount, Credits::ZERO) };
    let lifetime_earned = account.lifetime_earned.checked_add(earned).expect("a small sum");
    let lifetime_spent = account.lifetime_spent.checked_add(spent).expect("a small sum");
    let balance = lifetime_earned.checked_sub(lifetime_spent).expect("a small sum");
    let step = if sequence <= ENTRIES / 2 { sequence } else { ENTRIES.saturating_sub(sequence) };
    let entry = Entry {
        app_id: if sequence % 2 == 0 { app_id } else { other_app },
        kind,
        amount: earned.checked_sub(spent).expect("a small sum"),
        balance_after: balance,
        // The same reference in both apps, once each.
        reference: (5..=6).contains(&sequence).then(|| "in both apps".to_string()),
        created_at_us: step / 2 * 1_000,
        ..posting.entry
    };
    let account = Account { balance, lifetime_earned, lifetime_spent, ..posting.account };
    Posting { entry, account, payment: None }
}

fn filters<F: Fixture>(store: &mut F, id: i64, newest_first: &[Entry]) {
    let [other_id, ..] = ACCOUNT_IDS;
    assert_eq!(history(store, id, &all()), newest_first, "every app's, newest first");
    assert_eq!(history(store, other_id, &all()), vec![], "of one account");

    let mut queries = vec![
        HistoryQuery { reference: Some("in both apps".to_string()), ..all() },
        HistoryQuery { reference: Some("In both apps".to_string()), ..all() },
        HistoryQuery { from_us: Some(1_000), to_us: Some(1_000), ..all() },
        HistoryQuery { from_us: Some(1_000), to_us: Some(3_000), ..all() },
        HistoryQuery {
            before_sequence: Some(11),
            limit: 2,
            kind: Some(EntryKind::Bonus),
            from_us: Some(0),
            to_us: Some(3_000),
            reference: None,
        },
    ];
    for kind in [EntryKind::Deduction, EntryKind::Bonus, EntryKind::Purchase] {
        queries.push(HistoryQuery { kind: Some(kind), ..all() });
    }
    for bound_us in [i64::MIN, -1, 0, 999, 1_000, 1_001, 3_000, i64::MAX] {
        queries.push(HistoryQuery { from_us: Some(bound_us), ..all() });
        queries.push(HistoryQuery { to_us: Some(bound_us), ..all() });
    }
    for before in [i64::MIN, 0, 1, 2, ENTRIES, ENTRIES + 1, i64::MAX] {
        queries.push(HistoryQuery { before_sequence: Some(before), ..all() });
    }
    for limit in [0, 1, 11, 12, u32::MAX] {
        queries.push(HistoryQuery { limit, ..all() });
    }
    for query in queries {
        let expected: Vec<Entry> = newest_first
            .iter()
            .filter(|entry| {
                query.before_sequence.is_none_or(|before| entry.sequence < before)
                    && query.kind.is_none_or(|kind| entry.kind == kind)
                    && query.from_us.is_none_or(|from_us| from_us <= entry.created_at_us)
                    && query.to_us.is_none_or(|to_us| entry.created_at_us < to_us)
                    && query.reference.as_ref().is_none_or(|it| entry.reference.as_ref() == Some(it))
            })
            .take(usize::try_from(query.limit).unwrap_or(usize::MAX))
            .cloned()
            .collect();
        assert_eq!(history(store, id, &query), expected, "{query:?}");
    }
}

/// An entry that is posted between two pages moves no other to another page.
fn pages_fit_together<F: Fixture>(store: &mut F, id: i64, newest_first: &[Entry]) {
    let mut read = Vec::new();
    let mut query = HistoryQuery::newest(5);
    loop {
        let page = history(store, id, &query);
        let Some(last) = page.last() else { break };
        query.before_sequence = Some(last.sequence);
        read.extend(page);
        let account = super::account(store, id).expect("opened before");
        super::post(store, &bonus(&account));
    }
    assert_eq!(read, newest_first, "pages are complete and stable");
}

fn all() -> HistoryQuery {
    HistoryQuery::newest(100)
}

fn history<F: Fixture>(store: &mut F, id: i64, query: &HistoryQuery) -> Vec<Entry> {
    commits(store, |tx| tx.history(id, query).expect("history"))
}
