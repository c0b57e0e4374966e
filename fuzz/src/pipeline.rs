//! The whole way from the bytes of a file to the report.

use std::io::Cursor;
use std::sync::OnceLock;

use idlegap::capture::Reader;
use idlegap::timeouts::Table;

use super::analysis::Course;

/// Analyses `data` as a capture and renders the report.
pub fn run(data: &[u8]) {
    let Ok(mut reader) = Reader::from_source("input".to_owned(), Cursor::new(data.to_vec()), None) else { return };
    let mut course = Course::default();
    for _ in 0..20_000 {
        let Ok(Some(record)) = reader.next_record() else { break };
        course.push(&record);
    }
    course.report(reader.into_info(), table());
}

/// The built-in table, loaded once.
pub fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| Table::built_in().expect("the built-in table is sound"))
}
