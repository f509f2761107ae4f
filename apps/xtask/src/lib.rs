//! The tasks of the workspace: `cargo xtask test`, `check`, `bench`, `postgres`.
//!
//! The rules of `docs/architecture.md` are functions over (path, text), one per sentence of it, in
//! [`rules`]; `tests/architecture.rs` runs each as a test of its own. Standard library only:
//! everybody compiles this crate first.

pub mod gate;
pub mod postgres;
pub mod prerequisites;
pub mod rules;
pub mod source;
pub mod sql;
pub mod suite;
pub mod tree;
