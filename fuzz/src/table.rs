//! The user's own table of timeouts.

use idlegap::timeouts::Table;

/// Merges `data` over the built-in table; what is merged can be searched and matched.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(built_in) = Table::built_in() else { return };
    let own = built_in.entries().len();
    match built_in.merged("timeouts.toml", text) {
        Ok(table) => {
            assert!(table.entries().len() >= own, "rows were lost");
            assert!(table.entries().iter().all(|entry| table.get(&entry.id).is_some()), "a row cannot be found");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
