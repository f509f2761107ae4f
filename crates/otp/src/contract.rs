//! The suite that every [`Storage`](crate::Storage) passes (feature `contract`).
