#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod key;
pub mod replay;
pub mod v1;

pub use key::{Mac, SigningKey};
