//! Zip archives, whole or cut off, and the office documents that are zip archives inside.

use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::read::read_zipfile_from_stream;
use zip::result::ZipError;

use super::{Place, Unpacker, clean_name, join, sheet};

/// The member that makes a zip archive a workbook.
const WORKBOOK: &str = "xl/workbook.xml";

impl Unpacker<'_> {
    pub(super) fn zip(&mut self, place: &Place<'_>, bytes: &[u8]) {
        match ZipArchive::new(Cursor::new(bytes)) {
            Ok(archive) if archive.index_for_name(WORKBOOK).is_some() => {
                if !self.workbook(place, bytes) {
                    self.odd("member-unreadable", place, "a workbook cannot be read by rows; its parts are searched");
                    self.zip_members(place, archive);
                }
            }
            Ok(archive) => self.zip_members(place, archive),
            Err(_) => {
                self.odd("container-damaged", place, "a zip archive has no directory; it is read from the front");
                self.zip_stream(place, bytes);
            }
        }
    }

    fn zip_members(&mut self, place: &Place<'_>, mut archive: ZipArchive<Cursor<&[u8]>>) {
        for index in 0..archive.len() {
            if !self.may_open_another(place) {
                return;
            }
            match archive.by_index(index) {
                Ok(member) if member.is_dir() => {}
                Ok(member) => {
                    let name = clean_name(member.name_raw());
                    let packed_bytes = member.compressed_size();
                    let content = self.read(member, packed_bytes, place);
                    let path = join(place.path, &name);
                    self.open(&Place { path: &path, name: &name, depth: place.depth + 1 }, &content);
                }
                Err(error) => self.odd("member-unreadable", place, reason(&error)),
            }
        }
    }

    /// Reads members one after another, without the directory at the end: a download that was cut off still has them.
    fn zip_stream(&mut self, place: &Place<'_>, bytes: &[u8]) {
        let mut rest = bytes;
        let mut has_member = false;
        while self.may_open_another(place) {
            let Ok(Some(mut member)) = read_zipfile_from_stream(&mut rest) else { break };
            let name = clean_name(member.name_raw());
            let packed_bytes = member.compressed_size();
            let content = self.read(member.by_ref(), packed_bytes, place);
            has_member = true;
            let path = join(place.path, &name);
            self.open(&Place { path: &path, name: &name, depth: place.depth + 1 }, &content);
        }
        if !has_member {
            self.give(place, bytes);
        }
    }

    /// Gives the sheets of a workbook; false if it cannot be read as one or would grow beyond the limits.
    fn workbook(&mut self, place: &Place<'_>, bytes: &[u8]) -> bool {
        let limit = self.limits.member_bytes.min(self.bytes);
        if unpacked_bytes(bytes, limit.min((bytes.len() as u64).saturating_mul(self.limits.ratio).max(1 << 20))) > limit
        {
            return false;
        }
        let Some(sheets) = sheet::read(bytes, limit) else { return false };
        for sheet in sheets {
            if !self.may_open_another(place) {
                break;
            }
            self.bytes = self.bytes.saturating_sub(sheet.rows.len() as u64);
            if sheet.is_cut {
                self.odd("member-too-large", place, "a sheet grows beyond the limits; its beginning is searched");
            }
            if sheet.is_broken {
                self.odd("member-unreadable", place, "a sheet is damaged; what could be read of it is searched");
            }
            let name = clean_name(sheet.name.as_bytes());
            let path = join(place.path, &name);
            // A cell may hold anything, but a sheet is text: it is not opened again.
            self.give(&Place { path: &path, name: "sheet.tsv", depth: place.depth + 1 }, sheet.rows.as_bytes());
        }
        true
    }
}

/// Counts what an archive really unpacks to, not what its directory says; stops counting beyond the limit.
fn unpacked_bytes(bytes: &[u8], limit: u64) -> u64 {
    let Ok(mut archive) = ZipArchive::new(Cursor::new(bytes)) else { return u64::MAX };
    let mut total = 0;
    for index in 0..archive.len() {
        if let Ok(member) = archive.by_index(index) {
            let mut rest = member.take(limit.saturating_sub(total) + 1);
            total += std::io::copy(&mut rest, &mut std::io::sink()).unwrap_or_default();
            if total > limit {
                return u64::MAX;
            }
        }
    }
    total
}

const fn reason(error: &ZipError) -> &'static str {
    match error {
        ZipError::UnsupportedArchive(_) | ZipError::InvalidPassword => "a packed file is encrypted and not read",
        ZipError::CompressionMethodNotSupported(_) => "a packed file is compressed in a way that is not read",
        ZipError::Io(_)
        | ZipError::InvalidArchive(_)
        | ZipError::FileNotFound
        | ZipError::DecompressedSizeLimitExceeded { .. }
        | ZipError::DecompressedSizeUnknown => "a packed file is damaged and not read",
        _ => "a packed file cannot be read",
    }
}
