#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod key;
pub mod oasis;
pub mod replay;
mod timestamp;
pub mod v1;

pub use key::{Mac, SigningKey};
