//! What an operator gives back of a charge.
//!
//! The refunds of a charge are numbered, and each is posted under a reference that names the charge and its number: what is
//! sent twice is given back once, and together they never come to more than was charged.

use osaycore_directory::User;
use osaycore_ledger::{AddKind, Amount, Entry, EntryKind, Storage as _};
use uuid::Uuid;

use super::By;
use super::credits::{self, Addition, OPERATOR};
use crate::error::{ApiError, Code, Failure};
use crate::store::tx::Tx;

/// What became of a charge.
pub(crate) struct Refunds {
    /// The refunds so far, by their number.
    pub(crate) entries: Vec<Entry>,
    /// What can still be given back; none: nothing.
    pub(crate) left: Option<Amount>,
}

impl Refunds {
    /// The number of the next one.
    pub(crate) fn next(&self) -> usize {
        self.entries.len().saturating_add(1)
    }
}

/// What was given back of a charge so far. An app's own refunds are not among them: they do not say of what.
pub(crate) fn of(tx: &mut Tx<'_>, charge: &Entry) -> Result<Refunds, Failure> {
    let (mut entries, mut left_micros) = (Vec::new(), charge.amount.micros().saturating_neg());
    loop {
        let number = entries.len().saturating_add(1);
        let Some(entry) = tx.entry_by_reference(OPERATOR, &reference(charge, number))? else { break };
        left_micros = left_micros.saturating_sub(entry.amount.micros());
        entries.push(entry);
    }
    Ok(Refunds { entries, left: Amount::from_micros(left_micros) })
}

/// Gives back the user's refund of this number of a charge; → the entry, and whether it was given back before.
///
/// # Errors
/// 404: it is no charge of the user's. 400: more than is left. 409: nothing is left; another refund has this number, or the
/// one before it is missing; the user is deleted.
pub(crate) fn refund(
    tx: &mut Tx<'_>,
    by: &By,
    user: &User,
    charge: &Entry,
    number: usize,
    amount: Amount,
    description: Option<String>,
) -> Result<(Entry, bool), Failure> {
    if charge.account_id != user.id || charge.kind != EntryKind::Deduction {
        let sentence = format!("user {} has no charge {}", user.username, charge.transaction_id);
        return Err(ApiError::from(Code::NotFound).detail(sentence).into());
    }
    let refunds = of(tx, charge)?;
    let overtaken = || {
        let sentence = "this charge was refunded meanwhile: look at what is left of it first";
        Failure::from(ApiError::from(Code::ReferenceConflict).detail(sentence))
    };
    if number == 0 || number > refunds.next() {
        return Err(overtaken());
    }
    if number == refunds.next() {
        match refunds.left {
            None => {
                let sentence = "all of this charge was given back";
                return Err(ApiError::from(Code::ReferenceConflict).detail(sentence).into());
            }
            Some(left) if amount > left => {
                let sentence = format!("of this charge {left} is left to refund");
                return Err(ApiError::invalid("amount", sentence).into());
            }
            Some(_) => {}
        }
    }
    let addition = Addition { amount, kind: AddKind::Refund, description, reference: Some(reference(charge, number)) };
    match credits::add(tx, by, user, addition) {
        Err(Failure::Refused(error)) if error.code == Code::ReferenceConflict && !user.is_deleted() => Err(overtaken()),
        other => other,
    }
}

/// The charge that a refund of here is of.
pub(crate) fn charge_of(entry: &Entry) -> Option<Uuid> {
    let named = entry.reference.as_deref().filter(|_| entry.app_id == OPERATOR)?.strip_prefix(PREFIX)?;
    named.split_once(':').and_then(|(charge, _)| Uuid::try_parse(charge).ok())
}

const PREFIX: &str = "refund:";

fn reference(charge: &Entry, number: usize) -> String {
    format!("{PREFIX}{}:{number}", charge.transaction_id)
}
