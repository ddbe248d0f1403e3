//! Archives and spreadsheets to members of text, within limits.
//!
//! What cannot be unpacked is given as it stands and named as an oddity: never a crash, never silence. Not here: the
//! text inside (`text`), what is looked for (`matcher`).

mod sheet;
mod zipped;

use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::domain::oddity::Oddity;
use crate::domain::text::decode;

/// What a container may cost; the rest of one that costs more is left out, and named as an oddity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Containers within containers.
    pub depth: u32,
    /// Members in all.
    pub members: u32,
    /// Unpacked bytes of one member.
    pub member_bytes: u64,
    /// Unpacked bytes in all.
    pub total_bytes: u64,
    /// Unpacked bytes for each packed one; no real table of customers packs better than this.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 4, members: 10_000, member_bytes: 256 << 20, total_bytes: 2 << 30, ratio: 200 }
    }
}

/// One file of a container, or a document that is none.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// Path inside the document: `data/part1.csv`, `clients`; empty for the document itself.
    pub path: &'a str,
    /// Its bytes; of a sheet, its rows as lines of tab-separated cells.
    pub bytes: &'a [u8],
    /// Whether it came out of a container.
    pub is_unpacked: bool,
}

/// Gives every member of a document to `visit`, or the document itself if it is no container.
///
/// Returns what could not be read as expected. Members are unpacked one at a time; memory stays within
/// `limits.member_bytes` a level.
pub fn unpack(name: &str, bytes: &[u8], limits: &Limits, visit: &mut dyn FnMut(Member<'_>)) -> Vec<Oddity> {
    let mut unpacker =
        Unpacker { limits, visit, members: limits.members, bytes: limits.total_bytes, oddities: Vec::new() };
    unpacker.open(&Place { path: "", name, depth: 0 }, bytes);
    unpacker.oddities
}

/// Where the unpacker is.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    path: &'a str,
    name: &'a str,
    depth: u32,
}

struct Unpacker<'v> {
    limits: &'v Limits,
    visit: &'v mut dyn FnMut(Member<'_>),
    /// Members still allowed.
    members: u32,
    /// Bytes still allowed.
    bytes: u64,
    oddities: Vec<Oddity>,
}

/// What a file is by its first bytes.
enum Format {
    Zip,
    Gzip,
    Unread(&'static str),
    Plain,
}

impl Format {
    fn of(bytes: &[u8]) -> Self {
        const UNREAD: [(&[u8], &str); 8] = [
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document of before 2007"),
            (b"Rar!\x1a\x07", "a rar archive"),
            (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
            (b"\xfd7zXZ\x00", "an xz file"),
            (b"\x28\xb5\x2f\xfd", "a zstd file"),
            (b"BZh", "a bzip2 file"),
            (b"%PDF-", "a PDF"),
            (b"SQLite format 3\x00", "an SQLite file"),
        ];
        if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
            return Self::Zip;
        }
        if bytes.starts_with(b"\x1f\x8b\x08") {
            return Self::Gzip;
        }
        let unread = UNREAD.iter().find(|(magic, _)| bytes.starts_with(magic));
        unread.map_or(Self::Plain, |(_, name)| Self::Unread(name))
    }
}

impl Unpacker<'_> {
    fn open(&mut self, place: &Place<'_>, bytes: &[u8]) {
        match Format::of(bytes) {
            Format::Plain => self.give(place, bytes),
            Format::Unread(name) => {
                self.odd("container-unread", place, &format!("{name} is searched as it stands, not unpacked"));
                self.give(place, bytes);
            }
            Format::Zip | Format::Gzip if place.depth >= self.limits.depth => {
                self.odd("container-too-deep", place, "a container within too many others is not unpacked");
                self.give(place, bytes);
            }
            Format::Zip => self.zip(place, bytes),
            Format::Gzip => self.gzip(place, bytes),
        }
    }

    fn give(&mut self, place: &Place<'_>, bytes: &[u8]) {
        (self.visit)(Member { path: place.path, bytes, is_unpacked: place.depth > 0 });
    }

    fn gzip(&mut self, place: &Place<'_>, bytes: &[u8]) {
        let content = self.read(MultiGzDecoder::new(bytes), bytes.len() as u64, place);
        let base = place.name.rsplit('/').next().unwrap_or_default();
        let inner = base.strip_suffix(".gz").filter(|name| !name.is_empty()).unwrap_or("content");
        let path = join(place.path, inner);
        self.open(&Place { path: &path, name: inner, depth: place.depth + 1 }, &content);
    }

    /// Reads as much as the limits allow; names what was cut off or broken.
    fn read(&mut self, reader: impl Read, packed_bytes: u64, place: &Place<'_>) -> Vec<u8> {
        let by_ratio = packed_bytes.saturating_mul(self.limits.ratio).max(1 << 20);
        let limit = by_ratio.min(self.limits.member_bytes).min(self.bytes);
        let mut content = Vec::new();
        let outcome = reader.take(limit + 1).read_to_end(&mut content);
        if outcome.is_err() {
            self.odd("member-unreadable", place, "a packed file is damaged; what could be read of it is searched");
        }
        if content.len() as u64 > limit {
            content.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            self.odd("member-too-large", place, "a packed file grows beyond the limits; its beginning is searched");
        }
        self.bytes -= content.len() as u64;
        content
    }

    /// Takes one member off the allowance.
    fn may_open_another(&mut self, place: &Place<'_>) -> bool {
        if self.members == 0 || self.bytes == 0 {
            self.odd(
                "container-too-large",
                place,
                "a container holds more than the limits allow; its rest is left out",
            );
            return false;
        }
        self.members -= 1;
        true
    }

    /// Names an oddity, once for each code and depth: a hostile archive has millions of them.
    fn odd(&mut self, code: &str, place: &Place<'_>, detail: &str) {
        let detail = if place.depth == 0 { detail.to_owned() } else { format!("{detail} (level {})", place.depth) };
        let oddity = Oddity::new(code, detail);
        if self.oddities.len() < 100 && !self.oddities.contains(&oddity) {
            self.oddities.push(oddity);
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

/// Reads a member's name: any charset, no control characters, bounded.
fn clean_name(raw: &[u8]) -> String {
    const NAME_CHARACTERS: usize = 200;
    let decoded = decode(raw, None);
    let plain = decoded.text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character });
    plain.take(NAME_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn members(name: &str, bytes: &[u8], limits: &Limits) -> (Vec<(String, String)>, Vec<String>) {
        let mut found = Vec::new();
        let oddities = unpack(name, bytes, limits, &mut |member| {
            found.push((member.path.to_owned(), String::from_utf8_lossy(member.bytes).into_owned()));
        });
        (found, oddities.into_iter().map(|oddity| oddity.code).collect())
    }

    fn listed(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn members_come_with_their_paths() {
        let inner = zip(&[("data/part1.csv", b"a,b"), ("readme.txt", b"hello")]);
        let outer = zip(&[("one.txt", b"1"), ("inner.zip", &inner), ("t.csv.gz", &gzip(b"x,y"))]);
        let (found, oddities) = members("outer.zip", &outer, &Limits::default());
        let expected = [
            ("one.txt", "1"),
            ("inner.zip/data/part1.csv", "a,b"),
            ("inner.zip/readme.txt", "hello"),
            ("t.csv.gz/t.csv", "x,y"),
        ];
        assert_eq!((found, oddities), (listed(&expected), vec![]));
        let (found, _) = members("dump.sql.gz", &gzip(b"INSERT"), &Limits::default());
        assert_eq!(found, listed(&[("dump.sql", "INSERT")]));
        let (found, _) = members("plain.csv", b"a,b", &Limits::default());
        assert_eq!(found, listed(&[("", "a,b")]));
    }

    #[test]
    fn bombs_are_cut_and_named() {
        let bomb = vec![b'0'; 8 << 20];
        let limits = Limits { ratio: 20, ..Limits::default() };
        for packed in [zip(&[("bomb", &bomb)]), gzip(&bomb)] {
            let (found, oddities) = members("x", &packed, &limits);
            assert!(found[0].1.len() < 2 << 20, "{} bytes", found[0].1.len());
            assert_eq!(oddities, vec!["member-too-large".to_owned()]);
        }
        let limits = Limits { total_bytes: 3000, members: 5, ..Limits::default() };
        let many: Vec<(String, Vec<u8>)> = (0..9).map(|index| (format!("{index}"), vec![b'1'; 1000])).collect();
        let many: Vec<(&str, &[u8])> = many.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        let (found, oddities) = members("x.zip", &zip(&many), &limits);
        assert_eq!((found.len(), oddities), (3, vec!["container-too-large".to_owned()]));
    }

    #[test]
    fn a_container_too_deep_is_named_and_given_as_it_stands() {
        let mut packed = b"deep".to_vec();
        for _ in 0..6 {
            packed = gzip(&packed);
        }
        let (found, oddities) = members("x", &packed, &Limits::default());
        assert_eq!((found.len(), oddities), (1, vec!["container-too-deep".to_owned()]));
    }

    #[test]
    fn damaged_and_unknown_containers_are_named_and_given_as_they_stand() {
        let mut cut = gzip(&[b'7'; 5000]);
        cut.truncate(cut.len() - 10);
        let (found, oddities) = members("x.gz", &cut, &Limits::default());
        assert_eq!((found[0].0.as_str(), oddities), ("x", vec!["member-unreadable".to_owned()]));
        for bytes in [b"PK\x03\x04 4111".as_slice(), b"Rar!\x1a\x07 4111", b"%PDF-1.4 4111"] {
            let (found, oddities) = members("x", bytes, &Limits::default());
            assert!(found[0].1.contains("4111"));
            assert_eq!(oddities.len(), 1);
        }
    }

    #[test]
    fn a_zip_without_its_directory_is_read_from_the_front() {
        let whole = zip(&[("a.csv", b"first"), ("b.csv", b"second")]);
        let directory = memchr::memmem::find(&whole, b"PK\x01\x02").unwrap();
        let (found, oddities) = members("x.zip", &whole[..directory], &Limits::default());
        assert_eq!(found, listed(&[("a.csv", "first"), ("b.csv", "second")]));
        assert_eq!(oddities, vec!["container-damaged".to_owned()]);
    }

    #[test]
    fn names_are_read_in_any_charset_and_cleaned() {
        assert_eq!(clean_name("выгрузка.txt".as_bytes()), "выгрузка.txt");
        assert_eq!(clean_name(b"a\x1b[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
        assert_eq!(clean_name(&[b'a'; 900]).len(), 200);
    }

    proptest! {
        #[test]
        fn any_damage_to_an_archive_is_survived(flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12), cut in any::<prop::sample::Index>()) {
            let mut packed = zip(&[("data/part1.csv", b"9990483834645856,a\n9990483834645857,b"), ("x.gz", &gzip(b"hello"))]);
            for (at, byte) in flips {
                let at = at.index(packed.len());
                packed[at] = byte;
            }
            packed.truncate(cut.index(packed.len()).max(packed.len() / 2));
            let (_, _) = members("x.zip", &packed, &Limits::default());
        }
    }
}
