//! The decision: a pure function of what is stored, what is asked for, and the time.

use uuid::Uuid;

use crate::{
    Account, Add, AddKind, Amount, AmountError, Charge, Command, Credits, Deduct, Entry, EntryKind, Payment,
    PaymentStatus,
};

/// Everything that a decision looks at, of one tenant, as it stands in the transaction that will post.
#[derive(Clone, Copy, Debug)]
pub struct State<'a> {
    /// The account of the command.
    pub account: &'a Account,
    /// The entry that the command's app posted under the command's reference.
    pub by_reference: Option<&'a Entry>,
    /// The payment that the command names.
    pub payment: Option<&'a Payment>,
    /// The entry that this payment paid for.
    pub by_payment: Option<&'a Entry>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: it was done before, and this is the entry.
    Replay(Entry),
    /// This is to be stored, whole or not at all.
    Post(Posting),
}

/// What one command changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The new entry.
    pub entry: Entry,
    /// The account after it.
    pub account: Account,
    /// The payment to be marked as credited by the entry.
    pub payment: Option<Uuid>,
}

/// Why a command is refused. Nothing is stored then, and no reference or payment is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The reference was posted with another request.
    #[error("the reference was used for a request with another {field}")]
    ReferenceConflict {
        /// The first member that differs, in this order: `operation`, `user_id`, `amount`, `units`,
        /// `transaction_type`, `payment_id`, `description`.
        field: &'static str,
    },
    /// The payment cannot pay for this.
    #[error("{fault}")]
    PaymentInvalid {
        /// What is wrong with it.
        fault: PaymentFault,
    },
    /// The payment, one of this user, has paid for another request.
    #[error("the payment has been credited")]
    PaymentUsed,
    /// Units times rate is not an amount.
    #[error("units × rate is {0}")]
    Charge(AmountError),
    /// The balance would pass zero, and the account has no overdraft.
    #[error("insufficient credits: {shortfall} of {required} are missing")]
    InsufficientCredits {
        /// The balance, before.
        balance: Credits,
        /// What was to be deducted.
        required: Amount,
        /// What would have to be added first, so that the same request succeeds: `required − (balance − floor)`; more
        /// than 0, at most 3 × 10^12 credits.
        shortfall: Credits,
    },
    /// The balance would pass the account's floor.
    #[error("minimum balance exceeded: {shortfall} of {required} are missing")]
    MinimumBalance {
        /// The balance, before.
        balance: Credits,
        /// What was to be deducted.
        required: Amount,
        /// As above. More than `required` where the balance is below the floor already.
        shortfall: Credits,
    },
    /// The balance or a lifetime sum would pass 10^12 credits.
    #[error("a sum of the account would pass 1000000000000 credits")]
    BalanceLimit,
}

impl Rejection {
    /// The request's member that is at fault, in the contract's names, where one is.
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::ReferenceConflict { field } => Some(field),
            Self::PaymentInvalid { fault } => Some(fault.field()),
            Self::PaymentUsed => Some("payment_id"),
            Self::Charge(_) => Some("units"),
            Self::InsufficientCredits { .. } | Self::MinimumBalance { .. } | Self::BalanceLimit => None,
        }
    }
}

/// Why a payment cannot pay for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PaymentFault {
    /// Only a purchase has a payment.
    #[error("only a PURCHASE names a payment")]
    NotAPurchase,
    /// There is none, or it is another user's: which of the two is not told.
    #[error("this user has no such payment")]
    Unknown,
    /// It is pending, or it failed.
    #[error("the payment has not succeeded")]
    NotSucceeded,
    /// It buys another number of credits.
    #[error("the payment is for another number of credits")]
    OtherCredits,
}

impl PaymentFault {
    /// The request's member that is at fault.
    pub const fn field(self) -> &'static str {
        match self {
            Self::NotAPurchase | Self::Unknown | Self::NotSucceeded => "payment_id",
            Self::OtherCredits => "amount",
        }
    }
}

/// Decides one command. `now_us` is Unix microseconds; it dates the entry and decides nothing.
///
/// The first of these that holds:
///
/// | | if | then |
/// |---|---|---|
/// | 1 | the reference is posted, every member is equal | replay |
/// | 2 | the reference is posted | [`Rejection::ReferenceConflict`] |
/// | 3 | a payment is named by what is no purchase | [`PaymentFault::NotAPurchase`] |
/// | 4 | there is no such payment of this account | [`PaymentFault::Unknown`] |
/// | 5 | the payment is credited, app, reference and every member are equal | replay |
/// | 6 | the payment is credited | [`Rejection::PaymentUsed`] |
/// | 7 | the payment has not succeeded | [`PaymentFault::NotSucceeded`] |
/// | 8 | the payment names credits, and not so many | [`PaymentFault::OtherCredits`] |
/// | 9 | units × rate is no amount | [`Rejection::Charge`] |
/// | 10 | the floor is not negative, and the balance would pass zero | [`Rejection::InsufficientCredits`] |
/// | 11 | the balance would pass the floor | [`Rejection::MinimumBalance`] |
/// | 12 | a sum would pass 10^12 credits | [`Rejection::BalanceLimit`] |
/// | 13 | | post |
///
/// Members are compared as requested: an amount is not its units, and the rate is no member.
pub fn decide(state: &State<'_>, command: &Command, now_us: i64) -> Result<Decision, Rejection> {
    if let Some(entry) = state.by_reference {
        return match Members::of_entry(entry).first_difference(&Members::of_command(command)) {
            None => Ok(Decision::Replay(entry.clone())),
            Some(field) => Err(Rejection::ReferenceConflict { field }),
        };
    }
    if let Some(entry) = credited_before(state, command)? {
        return Ok(Decision::Replay(entry.clone()));
    }
    match command {
        Command::Deduct(request) => deduct(state.account, request, now_us),
        Command::Add(request) => add(state.account, request, now_us),
    }
    .map(Decision::Post)
}

/// The members of a request in the order in which they are compared.
struct Members<'a> {
    is_deduction: bool,
    account_id: i64,
    /// `None` where units were asked for instead.
    amount: Option<Credits>,
    units: Option<Amount>,
    kind: EntryKind,
    payment_id: Option<Uuid>,
    description: Option<&'a str>,
}

impl<'a> Members<'a> {
    fn of_entry(entry: &'a Entry) -> Self {
        Self {
            is_deduction: entry.kind == EntryKind::Deduction,
            account_id: entry.account_id,
            amount: entry.units.is_none().then_some(entry.amount),
            units: entry.units,
            kind: entry.kind,
            payment_id: entry.payment_id,
            description: entry.description.as_deref(),
        }
    }

    fn of_command(command: &'a Command) -> Self {
        match command {
            Command::Deduct(deduct) => Self {
                is_deduction: true,
                account_id: deduct.account_id,
                amount: match deduct.charge {
                    Charge::Amount(amount) => Some(negative(amount)),
                    Charge::Units { .. } => None,
                },
                units: deduct.charge.units(),
                kind: EntryKind::Deduction,
                payment_id: None,
                description: deduct.description.as_deref(),
            },
            Command::Add(add) => Self {
                is_deduction: false,
                account_id: add.account_id,
                amount: Some(add.amount.credits()),
                units: None,
                kind: add.kind.entry_kind(),
                payment_id: add.payment_id,
                description: add.description.as_deref(),
            },
        }
    }

    fn first_difference(&self, other: &Self) -> Option<&'static str> {
        [
            ("operation", self.is_deduction == other.is_deduction),
            ("user_id", self.account_id == other.account_id),
            ("amount", self.amount == other.amount),
            ("units", self.units == other.units),
            ("transaction_type", self.kind == other.kind),
            ("payment_id", self.payment_id == other.payment_id),
            ("description", self.description == other.description),
        ]
        .into_iter()
        .find_map(|(field, equal)| (!equal).then_some(field))
    }
}

/// Rows 3 to 8: the entry that this very request was given for the payment before.
fn credited_before<'a>(state: &State<'a>, command: &Command) -> Result<Option<&'a Entry>, Rejection> {
    let Command::Add(add) = command else { return Ok(None) };
    if add.payment_id.is_none() {
        return Ok(None);
    }
    let invalid = |fault| Err(Rejection::PaymentInvalid { fault });
    if add.kind != AddKind::Purchase {
        return invalid(PaymentFault::NotAPurchase);
    }
    // Before all that the payment has come to: whether another user's was credited is not told either.
    let Some(payment) = state.payment.filter(|payment| payment.account_id == add.account_id) else {
        return invalid(PaymentFault::Unknown);
    };
    if let Some(entry) = state.by_payment {
        let equal = entry.app_id == add.app_id
            && entry.reference == add.reference
            && Members::of_entry(entry).first_difference(&Members::of_command(command)).is_none();
        return if equal { Ok(Some(entry)) } else { Err(Rejection::PaymentUsed) };
    }
    if payment.credited.is_some() {
        // The entry was not given: better refused than credited twice.
        return Err(Rejection::PaymentUsed);
    }
    if payment.status != PaymentStatus::Succeeded {
        return invalid(PaymentFault::NotSucceeded);
    }
    if payment.credits.is_some_and(|credits| credits != add.amount) {
        return invalid(PaymentFault::OtherCredits);
    }
    Ok(None)
}

fn deduct(account: &Account, request: &Deduct, now_us: i64) -> Result<Posting, Rejection> {
    let amount = request.charge.amount().map_err(Rejection::Charge)?;
    check_limits(account, amount)?;
    let change = negative(amount);
    let spent = account.lifetime_spent.checked_add(amount.credits());
    let account = Account {
        balance: account.balance.checked_add(change).ok_or(Rejection::BalanceLimit)?,
        lifetime_spent: spent.ok_or(Rejection::BalanceLimit)?,
        entries: next_sequence(account)?,
        ..*account
    };
    let entry = Entry {
        account_id: account.id,
        sequence: account.entries,
        transaction_id: request.transaction_id,
        app_id: request.app_id,
        kind: EntryKind::Deduction,
        amount: change,
        units: request.charge.units(),
        balance_after: account.balance,
        description: request.description.clone(),
        reference: request.reference.clone(),
        payment_id: None,
        created_at_us: now_us,
    };
    Ok(Posting { entry, account, payment: None })
}

/// Rows 10 and 11. With an overdraft only the floor counts; else zero comes first, then the floor, a reserve.
fn check_limits(account: &Account, required: Amount) -> Result<(), Rejection> {
    let Account { balance, floor, .. } = *account;
    // Each sum is at most 10^18 and at least −10^18, so three of them never saturate an i64.
    let after = balance.micros().saturating_sub(required.micros());
    if after >= floor.micros() {
        return Ok(());
    }
    let shortfall = Credits::shortfall(floor.micros().saturating_sub(after));
    Err(if floor >= Credits::ZERO && after < 0 {
        Rejection::InsufficientCredits { balance, required, shortfall }
    } else {
        Rejection::MinimumBalance { balance, required, shortfall }
    })
}

fn add(account: &Account, request: &Add, now_us: i64) -> Result<Posting, Rejection> {
    let change = request.amount.credits();
    let earned = account.lifetime_earned.checked_add(change);
    let account = Account {
        balance: account.balance.checked_add(change).ok_or(Rejection::BalanceLimit)?,
        lifetime_earned: earned.ok_or(Rejection::BalanceLimit)?,
        entries: next_sequence(account)?,
        ..*account
    };
    let entry = Entry {
        account_id: account.id,
        sequence: account.entries,
        transaction_id: request.transaction_id,
        app_id: request.app_id,
        kind: request.kind.entry_kind(),
        amount: change,
        units: None,
        balance_after: account.balance,
        description: request.description.clone(),
        reference: request.reference.clone(),
        payment_id: request.payment_id,
        created_at_us: now_us,
    };
    Ok(Posting { entry, account, payment: request.payment_id })
}

fn next_sequence(account: &Account) -> Result<i64, Rejection> {
    account.entries.checked_add(1).ok_or(Rejection::BalanceLimit)
}

fn negative(amount: Amount) -> Credits {
    // In range, as the amount is.
    Credits::ZERO.checked_sub(amount.credits()).unwrap_or(Credits::ZERO)
}
