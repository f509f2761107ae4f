//! What our figures are held against.

pub(crate) mod ceiling;
pub(crate) mod pgbench;
pub(crate) mod sqlite;
