//! osaycore
fn main() {}
