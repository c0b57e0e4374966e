//! Cells of CSV (RFC 4180), made harmless for spreadsheets.

use super::escaped;

/// The text as one cell: control characters written out, quoted where the form needs it, and with an apostrophe before what a
/// spreadsheet would take for a formula (OWASP, CSV injection).
#[must_use]
pub fn cell(text: &str) -> String {
    let text = escaped(text);
    // A number with its sign, or an address, is no formula; full-width forms are taken for ASCII by some programs.
    let is_formula =
        text.trim_start().starts_with(['=', '+', '-', '@', '|', '%', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    let disarmed = if is_formula && text.parse::<f64>().is_err() { format!("'{text}") } else { text };
    if disarmed.contains([',', '"', ';']) || disarmed.starts_with(' ') || disarmed.ends_with(' ') {
        format!("\"{}\"", disarmed.replace('"', "\"\""))
    } else {
        disarmed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_are_disarmed_and_numbers_are_not() {
        assert_eq!(cell("=HYPERLINK(\"http://x\",1)"), "\"'=HYPERLINK(\"\"http://x\"\",1)\"");
        assert_eq!(cell("@SUM(A1)"), "'@SUM(A1)");
        assert_eq!(cell("+1+cmd|' /C calc'!A0"), "'+1+cmd|' /C calc'!A0");
        assert_eq!(cell("\t=1"), "\\u{9}=1");
        assert_eq!(cell(" =1"), "' =1");
        assert_eq!(cell("-1.5"), "-1.5");
        assert_eq!(cell("10.0.0.1:80"), "10.0.0.1:80");
        assert_eq!(cell("a\r\nb"), "a\\u{d}\\u{a}b");
        assert_eq!(cell(""), "");
    }

    proptest! {
        /// A second reader gets back what was put in, and never a formula.
        #[test]
        fn a_reader_of_csv_agrees(texts in proptest::collection::vec("\\PC{0,12}|[=+@,\";\n\r -]{0,6}", 2..5)) {
            let line = texts.iter().map(|text| cell(text)).collect::<Vec<_>>().join(",");
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
            let record = reader.records().next().unwrap().unwrap();
            prop_assert_eq!(record.len(), texts.len());
            for (read, text) in record.iter().zip(&texts) {
                let plain = escaped(text);
                prop_assert!(read == plain || read == format!("'{plain}"), "{read:?} from {text:?}");
                prop_assert!(!read.trim_start().starts_with(['=', '+', '@']) || read.parse::<f64>().is_ok());
            }
        }
    }
}
