//! The heads of turns: HTTP, TLS, PROXY, databases.

use idlegap::flow::Direction;
use idlegap::flow::heads::{self, proxy};

/// Decodes `data` and every beginning of it, as it would arrive in segments.
pub fn run(data: &[u8]) {
    let data = data.get(..data.len().min(2_048)).unwrap_or_default();
    for direction in Direction::BOTH {
        for end in 0..=data.len() {
            let head = data.get(..end).unwrap_or_default();
            let _ = heads::decode(direction, head);
            let _ = proxy::header(head);
        }
    }
}
