//! A service that charges its callers through `osaycore-ledger` and switches features by `osaycore-flags`.

pub mod features;
pub mod http;
pub mod meter;

// The Rust in the project's README and in the guide to embedding is compiled and run with this crate's tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/embedding.md")]
struct Guide;
