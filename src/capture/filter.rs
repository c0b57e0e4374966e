//! Packets selected by a BPF expression, as tcpdump takes it.
//!
//! libpcap compiles the expression, once per link type. What it compiles is run here and not by libpcap, whose binding
//! takes no original length: `greater 100` would judge a cut packet by what is left of it.

#[cfg(feature = "live")]
mod compile;
#[cfg(feature = "live")]
mod machine;

use super::{Error, Record};

/// A filter expression, ready for every link type that a capture may bring.
#[derive(Debug)]
pub struct Filter {
    #[cfg(feature = "live")]
    compiled: compile::Compiled,
    #[cfg(not(feature = "live"))]
    never: std::convert::Infallible,
}

#[cfg(feature = "live")]
impl Filter {
    /// Takes an expression as typed.
    ///
    /// # Errors
    /// If libpcap cannot compile it for any usual link type.
    pub fn new(expression: &str) -> Result<Self, Error> {
        compile::Compiled::new(expression).map(|compiled| Self { compiled })
    }

    /// Whether the expression selects the record.
    ///
    /// # Errors
    /// If the expression means nothing on the record's link type.
    #[inline]
    pub fn matches(&mut self, record: &Record<'_>) -> Result<bool, Error> {
        Ok(self.compiled.program(record.link, record.interface)?.run(record.data, record.original_len))
    }
}

#[cfg(not(feature = "live"))]
impl Filter {
    /// Refuses the expression: this build has no libpcap to compile it.
    ///
    /// # Errors
    /// Always.
    pub fn new(expression: &str) -> Result<Self, Error> {
        Err(Error::NoFilter { expression: expression.to_owned() })
    }

    /// Whether the expression selects the record. There is no such filter in this build.
    ///
    /// # Errors
    /// Never.
    pub fn matches(&mut self, _record: &Record<'_>) -> Result<bool, Error> {
        match self.never {}
    }
}

#[cfg(all(test, not(feature = "live")))]
mod tests {
    use super::*;

    #[test]
    fn the_build_without_libpcap_says_so() {
        let error = Filter::new("tcp port 80").unwrap_err().to_string();
        assert!(error.contains("no libpcap") && error.contains("tcp port 80"), "{error}");
    }
}
