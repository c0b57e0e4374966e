//! The `idlegap` command.

fn main() {}
