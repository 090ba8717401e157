//! The data store's program.

fn main() {}
