//! Zip archives: whole, cut off, encrypted, or with a directory that does not tell of all they hold.

use std::fmt::Write as _;
use std::io::{self, Cursor, Read, Seek, SeekFrom};

use memchr::memmem;
use zip::ZipArchive;
use zip::read::{ZipReadOptions, read_zipfile_from_stream};
use zip::result::ZipError;

use super::body::Body;
use super::guard::Guard;
use super::{Place, Unpacker, clean_name};

/// A zip archive that is open.
pub(super) type Archive = ZipArchive<Box<dyn Body>>;

/// Between the files of an archive: nothing, a data descriptor, or a file that the directory does not tell of.
const GAP_BYTES: u64 = 30;
/// Gaps looked into.
const GAPS: usize = 1000;

impl Unpacker<'_> {
    pub(super) fn zip(&mut self, place: &Place, mut body: Box<dyn Body>) {
        let opened = body.again().map_err(ZipError::from).and_then(ZipArchive::new);
        if let Ok(mut archive) = opened {
            self.zip_members(place, &mut archive, &*body);
            return self.zip_gaps(place, &mut archive, &mut *body);
        }
        self.odd("container-damaged", place, "a zip archive has no sound directory; it is read from the front");
        if self.zip_stream(place, &mut *body) == 0 {
            self.give_body(place, &mut *body);
        }
    }

    fn zip_members(&mut self, place: &Place, archive: &mut Archive, body: &dyn Body) {
        let rendered = self.office(place, archive, body);
        let mut names = String::new();
        if !archive.comment().is_empty() {
            let _ = writeln!(names, "{}", clean_name(archive.comment()));
        }
        for index in 0..archive.len() {
            let Ok(member) = archive.by_index_raw(index) else {
                self.odd("member-unreadable", place, "a packed file is not where the directory says");
                continue;
            };
            let inner = place.member(member.name_raw());
            let is_office = rendered.contains(member.name_raw());
            if !is_office {
                let _ = writeln!(names, "{} {}", inner.name, member.comment());
            }
            if member.is_dir() || is_office {
                continue;
            }
            drop(member);
            if !self.may_open_another(place) {
                break;
            }
            self.zip_member(&inner, archive, index);
        }
        if rendered.is_empty() {
            self.give_names(place, &names);
        }
    }

    /// Opens one file of an archive, with a password if it needs one.
    fn zip_member(&mut self, inner: &Place, archive: &mut Archive, index: usize) {
        let is_locked = archive.by_index_raw(index).is_ok_and(|member| member.encrypted());
        let password = if is_locked { self.zip_password(archive, index) } else { None };
        if is_locked && password.is_none() {
            return self.odd_locked(inner);
        }
        let options = ZipReadOptions::new().password(password.as_deref().map(str::as_bytes));
        match archive.by_index_with_options(index, options) {
            Ok(member) => {
                let packed_bytes = member.compressed_size();
                self.open_member(inner, member, packed_bytes);
            }
            Err(error) => self.odd("member-unreadable", inner, reason(&error)),
        }
    }

    /// Finds the password of one file. The check in its header lets one wrong password in 256 (or 65536) pass, so
    /// a password that has not opened anything yet must unpack the file to its checksum.
    fn zip_password(&mut self, archive: &mut Archive, index: usize) -> Option<String> {
        for (number, password) in self.passwords() {
            let Ok(member) = archive.by_index_decrypt(index, password.reveal().as_bytes()) else { continue };
            if self.proven != Some(number) {
                let packed_bytes = member.compressed_size();
                let budget = self.budget.get();
                let mut guard = Guard::new(member, self, packed_bytes);
                let cut = guard.cut();
                let is_read = io::copy(&mut guard, &mut io::sink()).is_ok();
                self.budget.set(budget);
                if !is_read || cut.get() == super::guard::Cut::Broken {
                    continue;
                }
            }
            self.proven = Some(number);
            return Some(password.reveal().clone());
        }
        None
    }

    /// Looks into what the directory leaves out: a second file of the same name, a file that was to be hidden.
    fn zip_gaps(&mut self, place: &Place, archive: &mut Archive, body: &mut dyn Body) {
        let mut taken: Vec<(u64, u64)> = Vec::new();
        for index in 0..archive.len() {
            let Ok(member) = archive.by_index_raw(index) else { continue };
            let Some(data_start) = member.data_start() else { continue };
            taken.push((member.header_start(), data_start.saturating_add(member.compressed_size())));
        }
        taken.push((archive.central_directory_start(), u64::MAX));
        taken.sort_unstable();
        let first = taken.first().map_or(0, |(start, _)| *start);
        self.give_before(place, body, first);
        let mut end = 0;
        let mut gaps = 0;
        for (start, next_end) in taken {
            if start > end && start - end >= GAP_BYTES && gaps < GAPS {
                gaps += 1;
                self.zip_gap(place, body, (end, start));
            }
            end = end.max(next_end);
        }
    }

    fn zip_gap(&mut self, place: &Place, body: &mut dyn Body, (start, end): (u64, u64)) {
        const LOOK_BYTES: u64 = 1 << 16;
        let mut look = Vec::new();
        let is_read = body.seek(SeekFrom::Start(start)).is_ok()
            && body.take((end - start).min(LOOK_BYTES)).read_to_end(&mut look).is_ok();
        let Some(at) = memmem::find(&look, b"PK\x03\x04").filter(|_| is_read) else { return };
        let from = start + at as u64;
        let mut part = Vec::new();
        let is_read = body.seek(SeekFrom::Start(from)).is_ok()
            && body.take((end - from).min(self.order.limits.held_bytes)).read_to_end(&mut part).is_ok();
        if is_read && self.zip_stream(place, &mut Cursor::new(part)) > 0 {
            let detail = "a zip archive holds files that its directory leaves out; they are searched";
            self.odd("container-damaged", place, detail);
        }
    }

    /// Reads files one after another, without the directory at the end: a download that was cut off still has them.
    fn zip_stream(&mut self, place: &Place, reader: &mut (impl Read + Seek + ?Sized)) -> u32 {
        let mut opened = 0;
        if reader.rewind().is_err() {
            return opened;
        }
        let mut reader = io::BufReader::new(reader);
        while self.may_open_another(place) {
            let member = match read_zipfile_from_stream(&mut reader) {
                Ok(Some(member)) => member,
                Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => {
                    self.odd_locked(place);
                    break;
                }
                Ok(None) | Err(_) => break,
            };
            let inner = place.member(member.name_raw());
            let packed_bytes = member.compressed_size();
            // Dropped with its reader, the member skips what is left of its packed bytes, so that the next one is found; a
            // decoder that has failed must not be read again, for one of them then ends the process.
            self.open_member(&inner, member, packed_bytes);
            opened += 1;
        }
        opened
    }

    /// Reads one file of an archive whole, within the limits; `None` if it is not there.
    pub(super) fn zip_part(&mut self, place: &Place, archive: &mut Archive, name: &str) -> Option<Vec<u8>> {
        let index = archive.index_for_name(name)?;
        let member = archive.by_index_with_options(index, ZipReadOptions::new()).ok()?;
        let packed_bytes = member.compressed_size();
        let mut guard = Guard::new(member, self, packed_bytes);
        let cut = guard.cut();
        let (Ok(bytes) | Err(bytes)) = super::guard::read_up_to(&mut guard, self.order.limits.held_bytes);
        self.tell_cut(&place.member(name.as_bytes()), &cut);
        Some(bytes)
    }
}

fn reason(error: &ZipError) -> &'static str {
    match error {
        ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) => {
            "a packed file is compressed in a way that is not read"
        }
        ZipError::InvalidPassword => "a packed file is encrypted and not read",
        ZipError::Io(_)
        | ZipError::InvalidArchive(_)
        | ZipError::FileNotFound
        | ZipError::DecompressedSizeLimitExceeded { .. }
        | ZipError::DecompressedSizeUnknown => "a packed file is damaged and not read",
        _ => "a packed file cannot be read",
    }
}
