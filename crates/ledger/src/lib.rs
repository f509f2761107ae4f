#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod account;
mod amount;
mod audit;
mod command;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod decide;
mod entry;
pub mod memory;
mod payment;
mod storage;
mod token;

pub use account::Account;
pub use amount::{Amount, AmountError, Credits};
pub use audit::{Audit, Difference, verify};
pub use command::{Add, AddKind, Charge, Command, Deduct};
pub use decide::{Decision, PaymentFault, Posting, Rejection, State, decide};
pub use entry::{Entry, EntryKey, EntryKind};
pub use payment::{Currency, Payment, PaymentStatus, TransitionError};
pub use storage::{Error, HistoryQuery, Outcome, Storage, execute};

/// A text is none of the names that a type knows. Names are compared exactly, letter by letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not {expected}")]
pub struct NameError {
    /// What it should have been, to be read after "not".
    pub expected: &'static str,
}
