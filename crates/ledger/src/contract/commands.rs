//! Pseudo-random commands, several to a transaction, some given up: the store and [`Memory`] tell the same story.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt::Debug;

use uuid::Uuid;

use super::{ACCOUNT_IDS, APP_IDS, Fixture, account, amount, commits, credits, paid};
use crate::{
    Account, Add, AddKind, Charge, Command, Deduct, Error, HistoryQuery, Outcome, Payment, PaymentStatus, Storage,
    execute, memory::Memory, verify,
};

const TRANSACTIONS: u32 = 40;
const PAYMENTS: u64 = 3;

pub(super) fn run<F: Fixture>(store: &mut F) {
    let [.., one, other] = ACCOUNT_IDS;
    let ids = [one, other];
    let mut memory = Memory::new();
    prepare(&mut memory, ids);
    commits(store, |tx| prepare(tx, ids));

    let mut random = Random(0x5eed);
    for round in 0..TRANSACTIONS {
        let commands: Vec<Command> = (0..=random.below(6)).map(|_| random.command(ids)).collect();
        let kept = random.below(4) != 0;
        let mut ahead = memory.clone();
        let result = store.transact(|tx| {
            for command in &commands {
                let found = told(execute(tx, command, i64::from(round)));
                let expected = told(execute(&mut ahead, command, i64::from(round)));
                assert_eq!(found, expected, "transaction {round}: {command:?}");
            }
            if kept { Ok(()) } else { Err("given up".to_string()) }
        });
        assert_eq!(result.is_ok(), kept, "transaction {round}: {result:?}");
        if kept {
            memory = ahead;
        }
    }
    for id in ids {
        let query = HistoryQuery::newest(1_000);
        let expected = memory.history(id, &query).expect("history");
        let found = commits(store, |tx| tx.history(id, &query).expect("history"));
        assert_eq!(found, expected, "the same entries");
        let account = account(store, id).expect("opened before");
        assert_eq!(Some(&account), memory.account(id).expect("account").as_ref(), "the same sums");
        let rebuilt = verify(&account, found.into_iter().rev());
        assert_eq!(rebuilt, Ok(()), "the entries come to the account");
    }
}

/// Opens both accounts, the second with an overdraft, and makes the payments known, all of the second account.
fn prepare(tx: &mut impl Storage<Error: Debug>, ids: [i64; 2]) {
    let [one, other] = ids;
    tx.insert_account(&Account::new(one)).expect("insert_account");
    let overdraft = Account { floor: credits(-2_000_000), ..Account::new(other) };
    tx.insert_account(&overdraft).expect("insert_account");
    for number in 0..PAYMENTS {
        let payment = Payment {
            id: payment_id(number),
            credits: (number == 1).then(|| amount(2_000_000)),
            status: if number == 2 { PaymentStatus::Failed } else { PaymentStatus::Succeeded },
            ..paid(0, other)
        };
        tx.insert_payment(&payment).expect("insert_payment");
    }
}

fn payment_id(number: u64) -> Uuid {
    Uuid::from_u64_pair(7, number)
}

/// What can be compared across stores, whose own errors differ.
fn told<E: Debug>(result: Result<Outcome, Error<E>>) -> Result<Outcome, String> {
    result.map_err(|error| match error {
        Error::Storage(error) => format!("the storage failed: {error:?}"),
        refused => refused.to_string(),
    })
}

/// Knuth's MMIX generator: the suite needs variety, not secrecy.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33).checked_rem(bound).unwrap_or(0)
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    /// Few accounts, references, amounts and payments, so that they often meet.
    fn command(&mut self, [one, other]: [i64; 2]) -> Command {
        let [app, other_app] = APP_IDS;
        let account_id = if self.one_in(3) { one } else { other };
        let app_id = if self.one_in(4) { other_app } else { app };
        let transaction_id = Uuid::from_u64_pair(8, self.below(u64::MAX));
        let amount = amount(1_000_000 << self.below(3));
        let description = self.one_in(8).then(|| "described".to_string());
        let reference = self.one_in(2).then(|| format!("command {}", self.below(12)));
        if self.one_in(2) {
            let charge = if self.one_in(3) {
                Charge::Units { units: amount, rate: super::amount(500_000) }
            } else {
                Charge::Amount(amount)
            };
            Command::Deduct(Deduct { account_id, app_id, transaction_id, charge, description, reference })
        } else {
            let kind = if self.one_in(4) { AddKind::Bonus } else { AddKind::Purchase };
            let payment_id = self.one_in(2).then(|| payment_id(self.below(PAYMENTS + 1)));
            Command::Add(Add { account_id, app_id, transaction_id, amount, kind, description, reference, payment_id })
        }
    }
}
