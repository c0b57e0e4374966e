//! Names of requests: untrusted text of bounded length.

/// The longest name of a request or host that is kept, in octets. Names are part of what a flow takes for good: at most two
/// requests, two hosts and a `ClientHello`, or of HTTP/2 the latest requests without an answer; not counted in the budget.
pub const NAME_OCTETS: usize = 200;

/// What the latest turn of one direction was found to be. The strings keep their memory from turn to turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Name {
    pub(super) request: String,
    pub(super) host: String,
    pub(super) status: Option<u16>,
}

impl Name {
    pub(super) const fn is_empty(&self) -> bool {
        self.request.is_empty() && self.host.is_empty() && self.status.is_none()
    }

    pub(super) fn clear(&mut self) {
        self.request.clear();
        self.host.clear();
        self.status = None;
    }
}

/// A target's path: a query may hold what has no place in a ticket (tokens, names), and is not needed to find the request.
pub(super) fn without_query(target: &[u8]) -> &[u8] {
    target.split(|&octet| octet == b'?').next().unwrap_or(target)
}

/// Appends untrusted `octets`, replacing what is not UTF-8, up to [`NAME_OCTETS`] in all.
pub(super) fn push(name: &mut String, octets: &[u8]) {
    for chunk in octets.utf8_chunks() {
        let replacement = if chunk.invalid().is_empty() { "" } else { "\u{fffd}" };
        for character in chunk.valid().chars().chain(replacement.chars()) {
            if name.len() + character.len_utf8() > NAME_OCTETS {
                name.push('…');
                return;
            }
            name.push(character);
        }
    }
}
