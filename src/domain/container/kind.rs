//! Tells what a file is: by how it begins and ends, by its name only where its content could be anything.

use memchr::memmem;

use super::body::{self, Body};

/// How much of the beginning of a file is looked at.
pub const HEAD_BYTES: usize = 1 << 16;
/// How much of its end: a zip archive ends with its directory's end and a comment of up to 64 KB.
pub(super) const TAIL_BYTES: usize = (1 << 16) + 64;
/// How far into a program or a picture an archive is looked for.
pub(super) const CARRIED_BYTES: u32 = 8 << 20;
/// How a 7z archive begins, with the major version that all have.
const SEVEN_ZIP: &[u8] = b"7z\xbc\xaf\x27\x1c\x00";
/// How a rar archive begins, of 1.5 and later.
const RAR: &[u8] = b"Rar!\x1a\x07";

/// How a file begins and ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends<'a> {
    /// Its first [`HEAD_BYTES`] bytes, or all of it.
    pub(super) head: &'a [u8],
    /// Its last [`TAIL_BYTES`] bytes, or all of it; empty if not known.
    pub(super) tail: &'a [u8],
}

impl<'a> Ends<'a> {
    /// The ends of bytes in memory.
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let head = bytes.get(..HEAD_BYTES).unwrap_or(bytes);
        let tail = bytes.get(bytes.len().saturating_sub(TAIL_BYTES)..).unwrap_or(bytes);
        Self { head, tail }
    }
}

/// Tells whether a document must be unpacked to be searched; cheap and safe on any bytes.
pub fn is_container(bytes: &[u8], name: &str) -> bool {
    let ends = Ends::of(bytes);
    let kind = Kind::of(&ends, name);
    let kind = if kind == Kind::Carrier { carried(bytes, ends.tail) } else { kind };
    !matches!(kind, Kind::Plain | Kind::Carrier)
}

/// Tells the same of a document that is not in memory.
pub fn is_container_body(body: &mut dyn Body, name: &str) -> bool {
    let (head, tail) = body::ends(body);
    let kind = Kind::of(&Ends { head: &head, tail: &tail }, name);
    let kind = if kind == Kind::Carrier { carried(&body::read_whole(body, CARRIED_BYTES.into()), &tail) } else { kind };
    !matches!(kind, Kind::Plain | Kind::Carrier)
}

/// Tells whether a document that begins like this may have to be unpacked.
pub fn may_be_container(head: &[u8], name: &str) -> bool {
    Kind::of(&Ends { head, tail: &[] }, name) != Kind::Plain
}

/// A stream that is packed as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Xz,
    Zstd,
    Bzip2,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Packed(Packing),
    Tar,
    Mbox,
    Zip,
    SevenZip,
    Rar,
    /// A compound file: Office documents of before 2007, and encrypted ones.
    Compound,
    Pdf,
    Sqlite,
    Mail,
    /// A program or a picture, behind which an archive may stand.
    Carrier,
    /// Known, but not unpacked.
    Unread(&'static str),
}

const MAGIC: [(&[u8], Kind); 24] = [
    (b"PK\x03\x04", Kind::Zip),
    (b"PK\x05\x06", Kind::Zip),
    // The first part of an archive in several, and one that would have been.
    (b"PK\x07\x08PK\x03\x04", Kind::Zip),
    (b"PK00PK\x03\x04", Kind::Zip),
    (b"\x1f\x8b\x08", Kind::Packed(Packing::Gzip)),
    (b"\xfd7zXZ\x00", Kind::Packed(Packing::Xz)),
    (b"\x28\xb5\x2f\xfd", Kind::Packed(Packing::Zstd)),
    (b"7z\xbc\xaf\x27\x1c", Kind::SevenZip),
    (b"Rar!\x1a\x07", Kind::Rar),
    (b"RE~^", Kind::Rar),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind::Compound),
    (b"SQLite format 3\x00", Kind::Sqlite),
    (b"MZ", Kind::Carrier),
    (b"\x7fELF", Kind::Carrier),
    (b"\x89PNG\r\n", Kind::Carrier),
    (b"\xff\xd8\xff", Kind::Carrier),
    (b"GIF8", Kind::Carrier),
    (b"\x1f\x9d", Kind::Unread("a compress file")),
    (b"\x04\x22\x4d\x18", Kind::Unread("an lz4 file")),
    (b"MSCF", Kind::Unread("a cabinet archive")),
    (b"\x60\xea", Kind::Unread("an arj archive")),
    (b"!<arch>\n", Kind::Unread("an ar archive")),
    (b"LZIP", Kind::Unread("an lzip file")),
    (b"!BDN", Kind::Unread("an Outlook mailbox")),
];

impl Kind {
    pub(super) fn of(ends: &Ends<'_>, name: &str) -> Self {
        let head = ends.head;
        let by_magic = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, kind)| *kind);
        if let Some(kind) = by_magic {
            return kind;
        }
        if is_bzip2(head) {
            return Self::Packed(Packing::Bzip2);
        }
        if is_tar(head) {
            return Self::Tar;
        }
        // Readers take a PDF that begins anywhere in the first kilobyte.
        if memmem::find(head.get(..1024).unwrap_or(head), b"%PDF-").is_some() {
            return Self::Pdf;
        }
        if has_zip_end(ends.tail) {
            return Self::Zip;
        }
        mail_kind(head, name).unwrap_or(Self::Plain)
    }
}

fn has_zip_end(tail: &[u8]) -> bool {
    // Followed by a disk number, which is 0 or 65535.
    let is_end = |at: usize| tail.get(at + 4..at + 6).is_some_and(|disk| disk == [0, 0] || disk == [0xff, 0xff]);
    // One byte is sought faster from the end than four.
    let last =
        memchr::memrchr_iter(b'P', tail).find(|at| tail.get(*at..).is_some_and(|end| end.starts_with(b"PK\x05\x06")));
    last.is_some_and(|at| tail.len() - at >= 22 && is_end(at))
}

fn is_bzip2(head: &[u8]) -> bool {
    let is_block = |magic: &[u8]| magic == b"1AY&SY" || magic == b"\x17\x72\x45\x38\x50\x90";
    head.starts_with(b"BZh")
        && head.get(3).is_some_and(|level| (b'1'..=b'9').contains(level))
        && head.get(4..10).is_some_and(is_block)
}

/// A tar archive is told by the checksum of its first header, with or without its magic.
fn is_tar(head: &[u8]) -> bool {
    let Some(header) = head.get(..512) else { return false };
    let Some(field) = header.get(148..156) else { return false };
    let digits: Vec<u8> = field.iter().copied().filter(u8::is_ascii_digit).collect();
    let stored = std::str::from_utf8(&digits).ok().and_then(|digits| u32::from_str_radix(digits, 8).ok());
    let blanks = 8 * u32::from(b' ');
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    stored.is_some_and(|stored| stored > blanks && stored == sum(header) - sum(field) + blanks)
}

/// A mail is told by its header: only header lines until the first empty one, some of them a mail's.
fn mail_kind(head: &[u8], name: &str) -> Option<Kind> {
    const TELLING: [&[u8]; 8] =
        [b"received", b"return-path", b"message-id", b"mime-version", b"delivered-to", b"from", b"date", b"subject"];
    let is_mbox = head.starts_with(b"From ");
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    if is_mbox {
        lines.next();
    }
    let mut telling = 0;
    for line in lines {
        if line.is_empty() {
            break;
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            continue;
        }
        let colon = memchr::memchr(b':', line)?;
        let field = line.get(..colon)?.to_ascii_lowercase();
        if field.is_empty() || !field.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-') {
            return None;
        }
        telling += usize::from(TELLING.contains(&field.as_slice()));
    }
    let extension = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_named = matches!(extension.as_str(), "eml" | "mbox" | "mht" | "mhtml");
    match (is_mbox, telling) {
        (true, 2..) => Some(Kind::Mbox),
        (false, 3..) => Some(Kind::Mail),
        (false, 1..) if is_named => Some(Kind::Mail),
        _ => None,
    }
}

/// Tells which archive stands behind a program or a picture: the first that begins there, for it may hold the others.
pub(super) fn carried(bytes: &[u8], tail: &[u8]) -> Kind {
    let bytes = bytes.get(..CARRIED_BYTES as usize).unwrap_or(bytes);
    let seven = memmem::find(bytes, SEVEN_ZIP).map(|at| (at, Kind::SevenZip));
    let rar = memmem::find(bytes, RAR).map(|at| (at, Kind::Rar));
    let zip = has_zip_end(tail).then(|| (memmem::find(bytes, b"PK\x03\x04").unwrap_or(usize::MAX), Kind::Zip));
    let first = [seven, rar, zip].into_iter().flatten().min_by_key(|(at, _)| *at);
    first.map_or(Kind::Carrier, |(_, kind)| kind)
}

/// Finds where a 7z archive begins in a body that is, or carries, one.
pub(super) fn seven_start(body: &mut dyn Body) -> u64 {
    memmem::find(&body::read_whole(body, CARRIED_BYTES.into()), SEVEN_ZIP).unwrap_or_default() as u64
}

/// Finds where a rar archive begins in a body that is, or carries, one.
pub(super) fn rar_start(body: &mut dyn Body) -> u64 {
    memmem::find(&body::read_whole(body, CARRIED_BYTES.into()), RAR).unwrap_or_default() as u64
}
