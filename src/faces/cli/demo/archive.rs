//! A zip archive with one file in it, for the demo's attachment.

use std::io::{Cursor, Write as _};

/// Packs one file; an archive that cannot be written is empty.
pub(in crate::faces::cli) fn zip_of(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    let written = writer.start_file(name, options).is_ok() && writer.write_all(bytes).is_ok();
    match writer.finish() {
        Ok(cursor) if written => cursor.into_inner(),
        Ok(_) | Err(_) => Vec::new(),
    }
}
