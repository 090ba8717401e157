//! The stand-in cluster as a program; the library half is complete, the wiring is not here yet.

fn main() {}
