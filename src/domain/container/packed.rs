//! Streams packed as one (gzip, xz, zstd, bzip2), and tar archives.

use std::io::{BufReader, Read};

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use zstd::stream::read::Decoder as ZstdDecoder;

use super::guard::{Guard, Meter};
use super::kind::Packing;
use super::{Place, Unpacker};

/// Memory that one xz or zstd decoder may take; `xz -9` needs 64 MB, `zstd --ultra -22` 128 MB.
const WINDOW_LOG: u32 = 27;
const XZ_MEMORY_KB: u32 = 200 << 10;

impl Packing {
    const fn endings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Gzip => &[(".tgz", ".tar"), (".gz", "")],
            Self::Xz => &[(".txz", ".tar"), (".xz", "")],
            Self::Zstd => &[(".tzst", ".tar"), (".zst", "")],
            Self::Bzip2 => &[(".tbz2", ".tar"), (".tbz", ".tar"), (".bz2", "")],
        }
    }

    /// The name of what is packed: `dump.sql` for `dump.sql.gz`.
    fn inner_name(self, name: &str) -> String {
        let base = name.rsplit('/').next().unwrap_or_default();
        let lower = base.to_ascii_lowercase();
        let renamed = self.endings().iter().find_map(|(ending, instead)| {
            let stem = base.get(..lower.strip_suffix(ending)?.len())?;
            (!stem.is_empty()).then(|| format!("{stem}{instead}"))
        });
        renamed.unwrap_or_else(|| "content".to_owned())
    }
}

impl Unpacker<'_> {
    /// Unpacks a stream and opens what is in it.
    pub(super) fn packed(&mut self, packing: Packing, place: &Place, reader: &mut dyn Read) {
        let meter = Meter::new(reader);
        let count = meter.count();
        let inner = place.member(packing.inner_name(&place.name).as_bytes());
        let decoder: Box<dyn Read + '_> = match packing {
            Packing::Gzip => Box::new(MultiGzDecoder::new(meter)),
            Packing::Bzip2 => Box::new(MultiBzDecoder::new(meter)),
            Packing::Xz => Box::new(XzReader::new_mem_limit(BufReader::new(meter), true, XZ_MEMORY_KB)),
            Packing::Zstd => {
                let decoder = ZstdDecoder::new(meter).and_then(|mut decoder| {
                    decoder.window_log_max(WINDOW_LOG)?;
                    Ok(decoder)
                });
                let Ok(decoder) = decoder else {
                    self.odd("member-unreadable", place, "a zstd decoder cannot be set up");
                    return;
                };
                Box::new(decoder)
            }
        };
        let mut guard = Guard::counted(decoder, self, count);
        let cut = guard.cut();
        self.open_stream(&inner, &mut guard);
        self.tell_cut(place, &cut);
    }

    /// Opens every file of a tar archive.
    pub(super) fn tar(&mut self, place: &Place, reader: &mut dyn Read) {
        let mut names = String::new();
        let mut archive = tar::Archive::new(BufReader::new(reader));
        let Ok(entries) = archive.entries() else {
            self.odd("container-damaged", place, "a tar archive cannot be read");
            return;
        };
        for entry in entries {
            let Ok(entry) = entry else {
                self.odd(
                    "container-damaged",
                    place,
                    "a tar archive is damaged; what stands before the damage is searched",
                );
                break;
            };
            if !self.may_open_another(place) {
                break;
            }
            let inner = place.member(&entry.path_bytes());
            names.push_str(&inner.name);
            names.push('\n');
            if entry.header().entry_type().is_file() {
                let size = entry.size();
                // A sparse file may claim holes of any size: they count as what they are stored in.
                let stored = entry.header().entry_size().unwrap_or(size);
                self.open_member(&inner, entry, stored);
            }
        }
        self.give_names(place, &names);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_named_after_the_file() {
        for (packing, name, inner) in [
            (Packing::Gzip, "dump.sql.gz", "dump.sql"),
            (Packing::Gzip, "a/b/base.TGZ", "base.tar"),
            (Packing::Bzip2, "x.tbz2", "x.tar"),
            (Packing::Xz, "раздача.xz", "раздача"),
            (Packing::Zstd, ".zst", "content"),
            (Packing::Zstd, "blob", "content"),
        ] {
            assert_eq!(packing.inner_name(name), inner);
        }
    }
}
