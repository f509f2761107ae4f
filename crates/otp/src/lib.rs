#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod attempts;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod credential;
pub mod memory;
mod operations;
mod parameters;
mod recovery;
mod secret;
mod state;
mod storage;

pub use attempts::{Attempts, Lockout};
pub use credential::{Credential, Tried};
pub use operations::{AppPolicy, Factor, Subject, Verdict, pending, replace_recovery_codes, reset, state_of, verify};
pub use parameters::{Algorithm, InvalidParameters, Parameters};
pub use recovery::{NotARecoveryCode, RECOVERY_CODES, RecoveryCode};
pub use secret::{InvalidSeed, Secret};
pub use state::{Purpose, Standing, State, UnknownPurpose, decide};
pub use storage::{Month, Storage};
