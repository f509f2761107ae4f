//! Random commands, beside a second ledger that was written without looking at the first: whole numbers, lists, and
//! the sentences of the contract.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use osaycore_ledger::{
    Account, Add, AddKind, Amount, Charge, Command, Credits, Deduct, Difference, Entry, Error, HistoryQuery, Outcome,
    Payment, PaymentStatus, Rejection, Storage, execute, memory::Memory, verify,
};
use proptest::prelude::*;
use uuid::Uuid;

const FLOORS: [i128; 3] = [0, -3_000_000, 2_000_000];
/// Which account each payment is of, how many credits it names, whether it has succeeded.
const PAYMENTS: [(usize, Option<i128>, bool); 4] =
    [(0, None, true), (1, Some(2_000_000), true), (1, None, true), (2, None, false)];

/// One request, in plain numbers.
#[derive(Clone, Debug, PartialEq)]
struct Ask {
    app: u8,
    wallet: usize,
    what: What,
    description: Option<u8>,
    reference: Option<u8>,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    Take(i128),
    TakeUnits { units: i128, rate: i128 },
    Give { micros: i128, kind: AddKind, payment: Option<usize> },
}

impl Ask {
    fn command(&self, id: u128) -> Command {
        let account_id = i64::try_from(self.wallet).unwrap();
        let app_id = i64::from(self.app);
        let transaction_id = Uuid::from_u128(id);
        let description = self.description.map(|it| it.to_string());
        let reference = self.reference.map(|it| it.to_string());
        let charge = match self.what {
            What::Take(micros) => Charge::Amount(amount(micros)),
            What::TakeUnits { units, rate } => Charge::Units { units: amount(units), rate: amount(rate) },
            What::Give { micros, kind, payment } => {
                return Command::Add(Add {
                    account_id,
                    app_id,
                    transaction_id,
                    amount: amount(micros),
                    kind,
                    description,
                    reference,
                    payment_id: payment.map(payment_id),
                });
            }
        };
        Command::Deduct(Deduct { account_id, app_id, transaction_id, charge, description, reference })
    }

    /// The rate is the user's at this moment, and no member of the request.
    fn is_the_same_request(&self, other: &Self) -> bool {
        let without_rate = |ask: &Self| match ask.what {
            What::TakeUnits { units, .. } => Self { what: What::TakeUnits { units, rate: 0 }, ..ask.clone() },
            _ => ask.clone(),
        };
        without_rate(self) == without_rate(other)
    }
}

/// What the second ledger says: what the balance became, or why it did not change.
#[derive(Debug, PartialEq)]
enum Said {
    Posted(i128),
    /// As this ask, by its number.
    Replayed(u128),
    Refused(&'static str),
}

#[derive(Default)]
struct Model {
    balances: BTreeMap<usize, i128>,
    posted: Vec<(u128, Ask)>,
}

impl Model {
    fn balance(&self, wallet: usize) -> i128 {
        self.balances.get(&wallet).copied().unwrap_or(0)
    }

    fn ask(&mut self, id: u128, ask: &Ask) -> Said {
        let same_reference = |(_, known): &&(u128, Ask)| {
            known.app == ask.app && known.reference == ask.reference && ask.reference.is_some()
        };
        if let Some((first, known)) = self.posted.iter().find(same_reference) {
            return if known.is_the_same_request(ask) { Said::Replayed(*first) } else { Said::Refused("reference") };
        }
        if let What::Give { micros, kind, payment: Some(payment) } = ask.what {
            if kind != AddKind::Purchase {
                return Said::Refused("payment");
            }
            if PAYMENTS.get(payment).is_none_or(|&(wallet, ..)| wallet != ask.wallet) {
                return Said::Refused("payment");
            }
            let same_payment = |(_, known): &&(u128, Ask)| matches!(known.what, What::Give { payment: Some(known), .. } if known == payment);
            if let Some((first, known)) = self.posted.iter().find(same_payment) {
                return if known == ask { Said::Replayed(*first) } else { Said::Refused("used") };
            }
            match PAYMENTS.get(payment) {
                Some(&(_, credits, true)) if credits.is_none_or(|it| it == micros) => {}
                _ => return Said::Refused("payment"),
            }
        }
        let balance = self.balance(ask.wallet);
        let after = match ask.what {
            What::Give { micros, .. } => balance + micros,
            What::Take(micros) => balance - micros,
            What::TakeUnits { units, rate } => {
                if units * rate % 1_000_000 != 0 {
                    return Said::Refused("charge");
                }
                balance - units * rate / 1_000_000
            }
        };
        let floor = FLOORS.get(ask.wallet).copied().unwrap();
        if after < balance {
            if floor >= 0 && after < 0 {
                return Said::Refused("insufficient");
            }
            if after < floor {
                return Said::Refused("minimum");
            }
        }
        self.balances.insert(ask.wallet, after);
        self.posted.push((id, ask.clone()));
        Said::Posted(after)
    }
}

fn said(result: Result<Outcome, Error<osaycore_ledger::memory::Conflict>>) -> Said {
    match result {
        Ok(Outcome::Posted(entry)) => Said::Posted(entry.balance_after.micros().into()),
        Ok(Outcome::Replayed(entry)) => Said::Replayed(entry.transaction_id.as_u128()),
        Err(Error::Rejected(rejection)) => Said::Refused(match rejection {
            Rejection::ReferenceConflict { .. } => "reference",
            Rejection::PaymentInvalid { .. } => "payment",
            Rejection::PaymentUsed => "used",
            Rejection::Charge(_) => "charge",
            Rejection::InsufficientCredits { .. } => "insufficient",
            Rejection::MinimumBalance { .. } => "minimum",
            other => unreachable!("{other}"),
        }),
        Err(error) => unreachable!("{error}"),
    }
}

fn store() -> Memory {
    let mut store = Memory::new();
    for (id, floor) in (0..).zip(FLOORS) {
        let floor = Credits::from_micros(floor.try_into().unwrap()).unwrap();
        store.insert_account(&Account { floor, ..Account::new(id) }).unwrap();
    }
    for (number, (wallet, credits, succeeded)) in PAYMENTS.into_iter().enumerate() {
        let payment = Payment {
            id: payment_id(number),
            account_id: i64::try_from(wallet).unwrap(),
            app_id: 1,
            amount: Amount::ONE,
            currency: "EUR".parse().unwrap(),
            credits: credits.map(amount),
            status: if succeeded { PaymentStatus::Succeeded } else { PaymentStatus::Pending },
            external_id: None,
            credited: None,
            created_at_us: 0,
            updated_at_us: 0,
        };
        store.insert_payment(&payment).unwrap();
    }
    store
}

fn amount(micros: i128) -> Amount {
    Amount::from_micros(micros.try_into().unwrap()).unwrap()
}

fn payment_id(number: usize) -> Uuid {
    Uuid::from_u128(1_000_000 + u128::try_from(number).unwrap())
}

fn account(store: &mut Memory, wallet: usize) -> Account {
    store.account(i64::try_from(wallet).unwrap()).unwrap().unwrap()
}

fn oldest_first(store: &mut Memory, wallet: usize) -> Vec<Entry> {
    let query = HistoryQuery::newest(u32::MAX);
    let mut entries = store.history(i64::try_from(wallet).unwrap(), &query).unwrap();
    entries.reverse();
    entries
}

fn ask() -> impl Strategy<Value = Ask> {
    let micros = || prop::sample::select(vec![1_000_000_i128, 2_000_000, 3_000_000, 500_001]);
    let rate = prop::sample::select(vec![1_000_000_i128, 500_000, 1]);
    let kind = prop::sample::select(vec![AddKind::Purchase, AddKind::Purchase, AddKind::Earned]);
    let what = prop_oneof![
        micros().prop_map(What::Take),
        (micros(), rate).prop_map(|(units, rate)| What::TakeUnits { units, rate }),
        (micros(), kind, prop::option::of(0_usize..5)).prop_map(|(micros, kind, payment)| What::Give {
            micros,
            kind,
            payment
        }),
    ];
    let description = prop::option::weighted(0.2, 0_u8..2);
    (1_u8..3, 0_usize..3, what, description, prop::option::of(0_u8..8))
        .prop_map(|(app, wallet, what, description, reference)| Ask { app, wallet, what, description, reference })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each command comes to the same in both; and what must always hold, holds after each.
    #[test]
    fn two_ledgers_agree(asks in prop::collection::vec(ask(), 1..60), repeats in any::<u64>()) {
        let (mut store, mut model) = (store(), Model::default());
        let mut asked: Vec<Ask> = Vec::new();
        for (number, ask) in asks.into_iter().enumerate() {
            // Now and then an old request comes again.
            let again = repeats >> (number % 64) & 1 == 1 && number % 3 == 0;
            let ask = if again { asked.get(number / 2).cloned().unwrap_or(ask) } else { ask };
            asked.push(ask.clone());
            let id = u128::try_from(number).unwrap();
            let before = account(&mut store, ask.wallet);
            let found = said(execute(&mut store, &ask.command(id), i64::try_from(number).unwrap()));
            prop_assert_eq!(&found, &model.ask(id, &ask), "{:?}", ask);

            let after = account(&mut store, ask.wallet);
            if matches!(found, Said::Posted(_)) {
                let spends = after.balance < before.balance;
                prop_assert!(!spends || after.balance >= after.floor, "{:?}", after);
            } else {
                prop_assert_eq!(&after, &before, "only a posting changes an account");
            }
            let difference = after.lifetime_earned.checked_sub(after.lifetime_spent);
            prop_assert_eq!(Some(after.balance), difference);
        }

        let mut total = 0;
        for wallet in 0..FLOORS.len() {
            let (account, entries) = (account(&mut store, wallet), oldest_first(&mut store, wallet));
            prop_assert_eq!(i128::from(account.balance.micros()), model.balance(wallet));
            prop_assert_eq!(verify(&account, entries.clone()), Ok(()));
            total += entries.len();
            for entry in entries {
                let (id, ask) = model.posted.iter().find(|it| it.0 == entry.transaction_id.as_u128()).unwrap();
                let command = ask.command(*id);
                prop_assert_eq!(command.account_id(), entry.account_id);
                prop_assert_eq!(command.app_id(), entry.app_id);
                prop_assert_eq!(command.reference(), entry.reference.as_deref());
                if let Some(payment) = command.payment_id() {
                    prop_assert_eq!(store.payment(payment).unwrap().unwrap().credited, Some(entry.key()));
                }
            }
        }
        prop_assert_eq!(total, model.posted.len(), "each posting once");
    }

    /// Additions commute: whatever their order, the sums are the same. So do deductions that all fit.
    #[test]
    fn order_does_not_matter_where_all_fit(
        gifts in prop::collection::vec(1_i128..5_000_000, 1..20),
        shuffled in any::<prop::sample::Index>(),
    ) {
        let give = |micros| What::Give { micros, kind: AddKind::Bonus, payment: None };
        let taken: Vec<What> = gifts.iter().map(|&micros| What::Take(micros)).collect();
        let given: Vec<What> = gifts.iter().map(|&micros| give(micros)).collect();
        let run = |turn: usize| {
            let mut store = store();
            let (mut given, mut taken) = (given.clone(), taken.clone());
            given.rotate_left(turn);
            taken.reverse();
            taken.rotate_right(turn);
            for (id, what) in (0..).zip(given.into_iter().chain(taken)) {
                let ask = Ask { app: 1, wallet: 0, what, description: None, reference: None };
                execute(&mut store, &ask.command(id), 0).unwrap();
            }
            account(&mut store, 0)
        };
        let rotated = run(shuffled.index(gifts.len()));
        prop_assert_eq!(&rotated, &run(0));
        prop_assert_eq!(rotated.balance, Credits::ZERO, "all that was given was taken");
    }

    /// Whatever is changed in one entry or sum, the rebuilding finds it.
    #[test]
    fn a_change_is_found(
        gifts in prop::collection::vec(1_i128..5_000_000, 2..10),
        at in any::<prop::sample::Index>(),
        change in 0_u8..8,
    ) {
        let mut store = store();
        for (id, micros) in (0..).zip(gifts) {
            let what = What::Give { micros, kind: AddKind::Earned, payment: None };
            let ask = Ask { app: 1, wallet: 0, what, description: None, reference: None };
            execute(&mut store, &ask.command(id), 0).unwrap();
        }
        let (mut account, mut entries) = (account(&mut store, 0), oldest_first(&mut store, 0));
        let last = entries.len() - 1;
        let at = at.index(entries.len());
        let one = Credits::from_micros(1).unwrap();
        let entry = &mut entries[at];
        let sequence = entry.sequence;
        match change {
            0 => entry.account_id = 1,
            1 => entry.sequence += 1,
            2 => entry.amount = Credits::ZERO.checked_sub(entry.amount).unwrap(),
            3 => entry.balance_after = entry.balance_after.checked_add(one).unwrap(),
            4 => entry.amount = entry.amount.checked_add(one).unwrap(),
            5 => account.entries += 1,
            6 => account.lifetime_earned = account.lifetime_earned.checked_add(one).unwrap(),
            _ => drop(entries.remove(at)),
        }
        let found = verify(&account, entries).unwrap_err();
        let as_expected = match change {
            0 => found == Difference::Stray { account_id: 1, sequence },
            1 => found == Difference::Sequence { expected: sequence, found: sequence + 1 },
            2 => matches!(found, Difference::Amount { sequence: s, .. } if s == sequence),
            3 | 4 => matches!(found, Difference::BalanceAfter { sequence: s, .. } if s == sequence),
            6 => matches!(found, Difference::Sum { field: "lifetime_earned", .. }),
            7 if at < last => found == Difference::Sequence { expected: sequence, found: sequence + 1 },
            _ => matches!(found, Difference::Entries { .. }),
        };
        prop_assert!(as_expected, "{change}: {found:?}");
    }
}
