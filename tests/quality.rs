//! What limits a verdict: every id of the quality block for and against, what each takes from the confidence of a verdict,
//! and the stock of idle connections. Captures are packet scripts; what they must show is worked out by hand.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]

#[path = "quality/captures.rs"]
mod captures;
#[path = "quality/ceilings.rs"]
mod ceilings;
#[path = "quality/inventory.rs"]
mod inventory;
#[path = "quality/limits.rs"]
mod limits;

/// A flow declaration, and a handshake of 10 ms: client at sequence number 1, server at 1.
const OPENED: &str = "\
flow 10.0.0.1:40000 > 10.0.0.2:5432 isn 1000 5000
0      > S   0:0(0)             win 64240 <mss 1460>
+.0101 < S.  0:0(0)     ack 1   win 65160 <mss 1460>
+.0002 > .   1:1(0)     ack 1
";

/// A request of 100 octets and an answer of 200, both acknowledged.
const ASKED: &str = "\
+.0013 > P.  1:101(100)   ack 1
+.0107 < .   1:1(0)       ack 101
+.0231 < P.  1:201(200)   ack 101
+.0004 > .   101:101(0)   ack 201
";

/// The connection of [`OPENED`] and [`ASKED`] closed in good order.
const CLOSED: &str = "\
+.0502 > F.  101:101(0)   ack 201
+.0104 < F.  201:201(0)   ack 102
+.0002 > .   102:102(0)   ack 202
";
