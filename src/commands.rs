//! The subcommands: each a short story told with the floors below.

pub mod timeouts;
