#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod canonical;
mod catalogue;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod details;
mod error;
mod event;
mod log;
pub mod memory;

pub use canonical::leaf_hash;
pub use catalogue::{Action, Field};
pub use details::{Details, Value};
pub use error::Error;
pub use event::{Actor, Event, Record, Target, TargetKind};
pub use log::{Filter, Log};
