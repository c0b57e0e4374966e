//! What a header block asks for (HPACK, RFC 7541): the fields that name a request, and as much of the dynamic table as it
//! takes to read them when they are repeated.
//!
//! A decoder of a connection's end fails at the first reference that it cannot resolve, since it has seen everything. An
//! observer has not, and goes on: what refers to the unseen stays unknown, and the rest is read.

use super::huffman;

/// Values kept of the dynamic table: the latest of the few fields that matter here.
const KEPT: usize = 12;
/// The longest value kept whole, in octets; of longer ones the beginning is kept.
const LONGEST_VALUE: usize = 256;
/// Entries of the static table (RFC 7541 appendix A).
const STATIC: usize = 61;
/// The size of the dynamic table that every receiver starts with (RFC 9113 6.5.2), in octets as RFC 7541 4.1 counts.
const TABLE_SIZE: usize = 4096;
/// More than the name of any entry that is not a literal here has, and RFC 7541 4.1's 32 octets an entry.
const OVERHEAD: usize = 128;

/// The fields that name a request. Untrusted octets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// `:method`.
    pub method: Option<Vec<u8>>,
    /// `:path`.
    pub path: Option<Vec<u8>>,
    /// `:authority`.
    pub authority: Option<Vec<u8>>,
    /// `content-type`.
    pub content_type: Option<Vec<u8>>,
}

impl Fields {
    /// The first value of a field counts.
    fn take(&mut self, name: Name, value: &[u8]) {
        let slot = match name {
            Name::Method => &mut self.method,
            Name::Path => &mut self.path,
            Name::Authority => &mut self.authority,
            Name::ContentType => &mut self.content_type,
            Name::Other => return,
        };
        slot.get_or_insert_with(|| value.to_vec());
    }
}

/// How far a block could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// To its end.
    Whole,
    /// To the end of the octets, inside a field.
    Short,
    /// To something that no encoder writes.
    Broken,
}

/// What one direction's encoder has put into its dynamic table.
///
/// An index counts back from the latest entry, so the number of entries ever added says which one it means, whatever was
/// evicted since. That number is known only as long as every block of the connection was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    added: Option<usize>,
    kept: Vec<(usize, Name, Vec<u8>)>,
}

impl Table {
    /// The table at the beginning of a connection: empty, and known to be.
    #[must_use]
    pub const fn empty() -> Self {
        Self { added: Some(0), kept: Vec::new() }
    }

    /// From here on references to the table mean nothing: a block was not read.
    pub fn lose(&mut self) {
        *self = Self::default();
    }

    /// The name and the value behind an index; either is `None` where it is not known.
    fn entry(&self, index: usize) -> (Option<Name>, Option<&[u8]>) {
        if index <= STATIC {
            return fixed(index);
        }
        let number = self.added.and_then(|added| added.checked_sub(index - STATIC));
        let kept = number.and_then(|number| self.kept.iter().find(|(of, ..)| *of == number));
        kept.map_or((None, None), |(_, name, value)| (Some(*name), Some(value)))
    }

    fn add(&mut self, name: Option<Name>, name_len: usize, value: &[u8]) {
        let Some(added) = &mut self.added else { return };
        if name_len.saturating_add(value.len()).saturating_add(OVERHEAD) > TABLE_SIZE {
            // Larger than the table, such an entry empties it instead (RFC 7541 4.4); how large the table is here is not
            // known exactly.
            return self.lose();
        }
        let number = *added;
        *added = added.saturating_add(1);
        let Some(name) = name.filter(|name| *name != Name::Other) else { return };
        if self.kept.len() >= KEPT {
            // A host and a content type are added once, paths again and again.
            let Some(oldest) = self.kept.iter().position(|(_, of, _)| *of == name) else { return };
            self.kept.remove(oldest);
        }
        self.kept.push((number, name, value.get(..LONGEST_VALUE).unwrap_or(value).to_vec()));
    }

    /// RFC 7541 6.3. A table that was made smaller may take no entry at all.
    fn resize(&mut self, size: usize) {
        if size < TABLE_SIZE {
            self.lose();
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Method,
    Path,
    Authority,
    ContentType,
    Other,
}

impl Name {
    fn of(name: &[u8]) -> Self {
        match name {
            b":method" => Self::Method,
            b":path" => Self::Path,
            b":authority" => Self::Authority,
            b"content-type" => Self::ContentType,
            _ => Self::Other,
        }
    }
}

/// The static table, as far as it matters here.
const fn fixed(index: usize) -> (Option<Name>, Option<&'static [u8]>) {
    match index {
        1 => (Some(Name::Authority), Some(b"")),
        2 => (Some(Name::Method), Some(b"GET")),
        3 => (Some(Name::Method), Some(b"POST")),
        4 => (Some(Name::Path), Some(b"/")),
        5 => (Some(Name::Path), Some(b"/index.html")),
        31 => (Some(Name::ContentType), Some(b"")),
        _ => (Some(Name::Other), None),
    }
}

/// Reads `block` as far as it goes, with the values of `table` and into it.
pub fn read(mut block: &[u8], table: &mut Table, fields: &mut Fields) -> End {
    while let [first, ..] = block {
        let read = match first {
            0x80.. => indexed(&mut block, table, fields),
            0x40.. => literal(&mut block, 6, table, fields),
            0x20.. => number(&mut block, 5).map(|size| table.resize(size)),
            _ => literal(&mut block, 4, table, fields),
        };
        if let Err(end) = read {
            return end;
        }
    }
    End::Whole
}

/// RFC 7541 6.1.
fn indexed(block: &mut &[u8], table: &Table, fields: &mut Fields) -> Result<(), End> {
    let index = number(block, 7)?;
    if index == 0 {
        return Err(End::Broken);
    }
    if let (Some(name), Some(value)) = table.entry(index) {
        fields.take(name, value);
    }
    Ok(())
}

/// RFC 7541 6.2: only those with a prefix of six bits enter the table.
fn literal(block: &mut &[u8], prefix: u32, table: &mut Table, fields: &mut Fields) -> Result<(), End> {
    let index = number(block, prefix)?;
    let (name, name_len) = if index == 0 {
        let name = string(block)?;
        (Some(Name::of(&name)), name.len())
    } else {
        (table.entry(index).0, 0)
    };
    let value = string(block)?;
    if let Some(name) = name {
        fields.take(name, &value);
    }
    if prefix == 6 {
        table.add(name, name_len, &value);
    }
    Ok(())
}

/// An integer whose first octet has `prefix` bits of it (RFC 7541 5.1), below 2^28.
fn number(block: &mut &[u8], prefix: u32) -> Result<usize, End> {
    const MOST_OCTETS: u32 = 4;
    let mask = (1_usize << prefix) - 1;
    let mut value = usize::from(octet(block)?) & mask;
    if value < mask {
        return Ok(value);
    }
    for at in 0..MOST_OCTETS {
        let next = octet(block)?;
        value = value.saturating_add(usize::from(next & 0x7f) << (7 * at));
        if next & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(End::Broken)
}

fn octet(block: &mut &[u8]) -> Result<u8, End> {
    let (first, rest) = block.split_first().ok_or(End::Short)?;
    *block = rest;
    Ok(*first)
}

/// RFC 7541 5.2.
fn string(block: &mut &[u8]) -> Result<Vec<u8>, End> {
    let is_coded = block.first().ok_or(End::Short)? & 0x80 != 0;
    let len = number(block, 7)?;
    let (octets, rest) = block.split_at_checked(len).ok_or(End::Short)?;
    *block = rest;
    if is_coded { huffman::decode(octets).ok_or(End::Broken) } else { Ok(octets.to_vec()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: String = text.split_whitespace().collect();
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
    }

    fn fields(method: &str, path: &str, authority: &str) -> Fields {
        let some = |text: &str| Some(text.as_bytes().to_vec());
        Fields { method: some(method), path: some(path), authority: some(authority), content_type: None }
    }

    fn read_all(blocks: &[&str], table: &mut Table) -> Vec<(Fields, End)> {
        let one = |block: &&str| {
            let mut fields = Fields::default();
            let end = read(&hex(block), table, &mut fields);
            (fields, end)
        };
        blocks.iter().map(one).collect()
    }

    /// RFC 7541 C.3 (plain) and C.4 (Huffman): three requests on one connection.
    #[test]
    fn the_requests_of_the_rfc() {
        let plain = [
            "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
            "8286 84be 5808 6e6f 2d63 6163 6865",
            "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
        ];
        let coded = [
            "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
            "8286 84be 5886 a8eb 1064 9cbf",
            "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
        ];
        let host = "www.example.com";
        let paths = ["/", "/", "/index.html"];
        for blocks in [plain, coded] {
            let mut table = Table::empty();
            let expected: Vec<_> = paths.iter().map(|path| (fields("GET", path, host), End::Whole)).collect();
            assert_eq!(read_all(&blocks, &mut table), expected);
            assert_eq!(table.added, Some(3));
        }
    }

    #[test]
    fn what_was_never_seen_stays_unknown() {
        let mut table = Table::default();
        let said = read_all(&["8286 84be 5808 6e6f 2d63 6163 6865"], &mut table);
        let expected = Fields { authority: None, ..fields("GET", "/", "") };
        assert_eq!(said, [(expected, End::Whole)]);
        // Neither the table of the connection, nor one of another length.
        assert_eq!(table, Table::default());
    }

    #[test]
    fn an_entry_that_may_exceed_the_table_loses_it() {
        let mut table = Table::empty();
        table.add(Some(Name::Path), 0, b"/a");
        assert_eq!(table.entry(62), (Some(Name::Path), Some(&b"/a"[..])));
        table.add(Some(Name::Other), 6, &[b'x'; 4096]);
        assert_eq!(table.entry(62), (None, None));
        let mut table = Table::empty();
        table.add(Some(Name::Path), 0, b"/a");
        // A size update to 0, and to 4096 (RFC 7541 6.3: 001 and an integer of five bits).
        assert_eq!(read(&[0x3f, 0xe1, 0x1f], &mut table, &mut Fields::default()), End::Whole);
        assert_eq!(table.entry(62), (Some(Name::Path), Some(&b"/a"[..])));
        assert_eq!(read(&[0x20], &mut table, &mut Fields::default()), End::Whole);
        assert_eq!(table.entry(62), (None, None));
    }

    #[test]
    fn the_table_keeps_hosts_and_forgets_paths() {
        let mut table = Table::empty();
        table.add(Some(Name::Authority), 0, b"a.example");
        for number in 0..100 {
            table.add(Some(Name::Path), 0, format!("/{number}").as_bytes());
        }
        assert_eq!(table.kept.len(), KEPT);
        assert_eq!(table.entry(62), (Some(Name::Path), Some(&b"/99"[..])));
        assert_eq!(table.entry(62 + 100), (Some(Name::Authority), Some(&b"a.example"[..])));
        assert_eq!(table.entry(62 + 99), (None, None), "/0 went");
        assert_eq!(table.entry(62 + 101), (None, None), "older than the connection");
    }

    #[test]
    fn what_no_encoder_writes() {
        for (block, end) in [
            (&[0x80][..], End::Broken),                        // index 0
            (&[0xff, 0x80, 0x80, 0x80, 0x80, 1], End::Broken), // an integer of five octets more
            (&[0x44, 0x81, 0x00], End::Broken),                // Huffman code with padding of zeros
            (&[0x44, 0x05, b'/'], End::Short),
            (&[0x7f], End::Short),
        ] {
            let mut fields = Fields::default();
            assert_eq!(read(block, &mut Table::empty(), &mut fields), end, "{block:x?}");
            assert_eq!(fields, Fields::default());
        }
    }

    proptest! {
        #[test]
        fn anything_may_come(block in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut table = Table::empty();
            read(&block, &mut table, &mut Fields::default());
            prop_assert!(table.kept.len() <= KEPT && table.kept.iter().all(|(.., value)| value.len() <= LONGEST_VALUE));
        }

        /// Nothing is made up of a block that is cut: what is read of it is what is read of the whole.
        #[test]
        fn a_cut_block_gives_less_and_nothing_else(cut in 0..17_usize) {
            let block = hex("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff");
            let mut of_cut = Fields::default();
            let end = read(&block[..cut], &mut Table::empty(), &mut of_cut);
            let whole = fields("GET", "/", "www.example.com");
            prop_assert!(of_cut.method.is_none() || of_cut.method == whole.method);
            prop_assert!(of_cut.path.is_none() || of_cut.path == whole.path);
            prop_assert_eq!(of_cut.authority, None);
            prop_assert_eq!(end == End::Whole, [0, 1, 2, 3].contains(&cut));
        }
    }
}
