//! From files, standard input and interfaces to [`Record`]s.

mod record;

pub use record::{LinkType, Record};
