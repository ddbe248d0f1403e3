//! Reads a `.dpf` file into the set in memory, believing nothing: its length, its directory, its order, its checksum.
//!
//! Memory beside the set is bounded, and none is taken for what a file only promises: its length comes from the file
//! system, and must be the one that its count asks for.

use std::io::Read;

use sha2::{Digest, Sha256};

use super::file::{CHECKSUM_BYTES, CONFIRM_BYTES, DpfError, EQUAL_TAGS, HEADER_BYTES, Header};
use super::set::{self, FingerprintSet, PADDING, Radix};

/// Small enough to stay in the cache between reading, hashing and packing; a multiple of all that is packed.
const CHUNK_BYTES: usize = 840 * 256;

/// Reads a whole file of `length_bytes` and returns its set and its checksum.
///
/// # Errors
/// The first thing that is wrong with it; nothing of it may be used then.
pub fn read(source: impl Read, length_bytes: u64) -> Result<(FingerprintSet, [u8; 32]), DpfError> {
    let mut source = Summed { source, sum: Sha256::new(), chunk: vec![0; CHUNK_BYTES] };
    let header = source.header(length_bytes)?;
    let radix = header.radix();
    let count = usize::try_from(header.count).map_err(|_| DpfError::Memory(header.memory_bytes()))?;
    let starts = source.directory(radix, header.count)?;
    let mut order = Order::new(&starts, radix);
    let mut tags = reserved(count * radix.tag_bytes() + PADDING, &header)?;
    source.each_chunk(count * radix.tag_bytes(), |chunk| {
        tags.extend_from_slice(chunk);
        chunk.chunks_exact(radix.tag_bytes()).try_for_each(|tag| order.take(tag))
    })?;
    let has_equal_tags = order.has_equal_tags;
    tags.extend_from_slice(&[0; PADDING]);
    let mut set = FingerprintSet { label: header.label.clone(), radix, starts, tags, confirms: Vec::new() };
    let mut confirms = reserved(count * set::CONFIRM_BYTES, &header)?;
    let mut last = [0; CONFIRM_BYTES];
    let mut index = 0;
    source.each_chunk(count * CONFIRM_BYTES, |chunk| {
        for confirm in chunk.as_chunks::<CONFIRM_BYTES>().0 {
            confirms.extend_from_slice(confirm.first_chunk::<{ set::CONFIRM_BYTES }>().unwrap_or(&[0; 5]));
            if has_equal_tags && set.has_tag_of_last(index) && *confirm <= last {
                return Err(DpfError::Order(index as u64));
            }
            last = *confirm;
            index += 1;
        }
        Ok(())
    })?;
    set.confirms = confirms;
    let checksum = source.checksum()?;
    Ok((set, checksum))
}

fn reserved(length: usize, header: &Header) -> Result<Vec<u8>, DpfError> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).map_err(|_| DpfError::Memory(header.memory_bytes()))?;
    Ok(bytes)
}

/// Hashes what is read.
struct Summed<R> {
    source: R,
    sum: Sha256,
    chunk: Vec<u8>,
}

impl<R: Read> Summed<R> {
    fn header(&mut self, length_bytes: u64) -> Result<Header, DpfError> {
        if length_bytes < (HEADER_BYTES + CHECKSUM_BYTES) as u64 {
            return Err(DpfError::NotDpf);
        }
        let mut header = None;
        self.each_chunk(HEADER_BYTES, |bytes| {
            header = Some(Header::parse(bytes)?);
            Ok(())
        })?;
        let header = header.ok_or(DpfError::NotDpf)?;
        let expected = header.file_bytes();
        if expected == length_bytes { Ok(header) } else { Err(DpfError::Length { expected, found: length_bytes }) }
    }

    /// Returns where each bucket begins, and where the last one ends.
    fn directory(&mut self, radix: Radix, count: u64) -> Result<Vec<u32>, DpfError> {
        let mut starts = Vec::new();
        starts.try_reserve_exact(radix.buckets() + 1).map_err(|_| DpfError::Memory(radix.buckets() as u64 * 4))?;
        starts.push(0);
        let mut last = 0;
        self.each_chunk(radix.buckets() * size_of::<u32>(), |chunk| {
            for end in chunk.as_chunks::<4>().0 {
                let end = u32::from_be_bytes(*end);
                if end < last {
                    return Err(DpfError::Directory);
                }
                starts.push(end);
                last = end;
            }
            Ok(())
        })?;
        if u64::from(last) == count { Ok(starts) } else { Err(DpfError::Directory) }
    }

    /// Reads exactly so many bytes and hands them on piece by piece.
    fn each_chunk(
        &mut self,
        length: usize,
        mut take: impl FnMut(&[u8]) -> Result<(), DpfError>,
    ) -> Result<(), DpfError> {
        let mut left = length;
        while left > 0 {
            let wanted = left.min(CHUNK_BYTES);
            let Some(chunk) = self.chunk.get_mut(..wanted) else { return Ok(()) };
            self.source.read_exact(chunk)?;
            self.sum.update(&*chunk);
            take(chunk)?;
            left -= wanted;
        }
        Ok(())
    }

    /// Compares the checksum and sees to it that nothing follows.
    fn checksum(mut self) -> Result<[u8; 32], DpfError> {
        let mut promised = [0; CHECKSUM_BYTES];
        self.source.read_exact(&mut promised)?;
        let found: [u8; CHECKSUM_BYTES] = self.sum.finalize().into();
        let has_more = self.source.read(&mut [0])? > 0;
        if found == promised && !has_more { Ok(found) } else { Err(DpfError::Checksum) }
    }
}

/// Follows the tags through their buckets.
struct Order<'a> {
    /// Buckets' ends, from the current one on.
    ends: &'a [u32],
    bucket: u64,
    /// What the first byte of a tag shows of its bucket: how many bits, and how far they are shifted.
    shown_bits: u32,
    tag_bits: u32,
    index: u32,
    last: Option<u64>,
    equal_tags: u32,
    has_equal_tags: bool,
}

impl<'a> Order<'a> {
    fn new(starts: &'a [u32], radix: Radix) -> Self {
        let tag_bits = u32::try_from(radix.tag_bytes() * 8).unwrap_or(u64::BITS);
        Self {
            ends: starts.get(1..).unwrap_or_default(),
            bucket: 0,
            shown_bits: radix.bits() % 8,
            tag_bits,
            index: 0,
            last: None,
            equal_tags: 1,
            has_equal_tags: false,
        }
    }

    fn take(&mut self, tag: &[u8]) -> Result<(), DpfError> {
        let tag = tag.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        while self.ends.first().is_some_and(|end| *end <= self.index) {
            self.ends = self.ends.get(1..).unwrap_or_default();
            self.bucket += 1;
            self.last = None;
        }
        let shown = tag.checked_shr(self.tag_bits - self.shown_bits).unwrap_or_default();
        let is_misplaced = shown != self.bucket & ((1 << self.shown_bits) - 1);
        let is_equal = self.last == Some(tag);
        self.equal_tags = if is_equal { self.equal_tags + 1 } else { 1 };
        self.has_equal_tags |= is_equal;
        if is_misplaced || self.last.is_some_and(|last| last > tag) || self.equal_tags > EQUAL_TAGS {
            return Err(DpfError::Order(self.index.into()));
        }
        self.last = Some(tag);
        self.index = self.index.saturating_add(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::file::MAGIC;
    use super::super::tests::label;
    use super::super::write;
    use super::*;
    use crate::domain::identifier::Fingerprint;

    fn file(fingerprints: &[Fingerprint]) -> Vec<u8> {
        let mut sorted = fingerprints.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let mut bytes = Vec::new();
        let (header, checksum) = write(&mut bytes, label(), || Ok(sorted.iter().copied().map(Ok))).unwrap();
        assert_eq!(bytes.len() as u64, header.file_bytes());
        assert!(bytes.ends_with(&checksum) && bytes.starts_with(&MAGIC));
        bytes
    }

    fn spread(count: u128) -> Vec<Fingerprint> {
        let of = |number: u128| number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        (1..=count).map(|number| Fingerprint(of(number).to_be_bytes())).collect()
    }

    fn opened(bytes: &[u8]) -> Result<FingerprintSet, DpfError> {
        read(bytes, bytes.len() as u64).map(|(set, _)| set)
    }

    /// Makes the checksum right again, so that only what was changed is wrong.
    fn resummed(mut bytes: Vec<u8>) -> Vec<u8> {
        let end = bytes.len() - CHECKSUM_BYTES;
        let sum = Sha256::digest(&bytes[..end]);
        bytes[end..].copy_from_slice(&sum);
        bytes
    }

    #[test]
    fn a_file_is_read_as_it_was_written() {
        for count in [0, 1, 2, 7, 8, 9, 100, 5000, 300_000] {
            let fingerprints = spread(count);
            let set = opened(&file(&fingerprints)).unwrap();
            assert_eq!(set.label, label());
            let direct = FingerprintSet::of(label(), fingerprints.clone());
            assert_eq!((&set.starts, &set.tags, &set.confirms), (&direct.starts, &direct.tags, &direct.confirms));
            assert!(fingerprints.iter().all(|fingerprint| set.contains(fingerprint)));
        }
    }

    #[test]
    fn a_file_cut_short_or_added_to_is_refused() {
        let bytes = file(&spread(100));
        for length in 0..bytes.len() {
            assert!(opened(&bytes[..length]).is_err(), "{length}");
            // A file that shrinks while it is read.
            assert!(read(&bytes[..length], bytes.len() as u64).is_err(), "{length}");
        }
        let longer = [&bytes[..], b"x"].concat();
        assert!(matches!(opened(&longer), Err(DpfError::Length { .. })));
        assert!(matches!(read(&longer[..], bytes.len() as u64), Err(DpfError::Checksum)));
    }

    #[test]
    fn a_count_that_the_file_does_not_hold_takes_no_memory() {
        let mut bytes = file(&spread(100));
        bytes[80..88].copy_from_slice(&4_000_000_000_u64.to_be_bytes());
        assert!(matches!(opened(&resummed(bytes)), Err(DpfError::Length { .. })));
    }

    #[test]
    fn what_a_right_checksum_covers_is_checked_all_the_same() {
        let sound = file(&spread(100));
        let radix = Radix::of(100);
        let tags = HEADER_BYTES + radix.buckets() * 4;
        let mut swapped = sound.clone();
        swapped[tags..tags + 16].rotate_left(8);
        let error = opened(&resummed(swapped)).unwrap_err();
        assert!(matches!(error, DpfError::Order(_)), "{error}");
        let mut doubled = sound.clone();
        doubled.copy_within(tags..tags + 8, tags + 8);
        let confirms = tags + 800;
        doubled.copy_within(confirms..confirms + 8, confirms + 8);
        let error = opened(&resummed(doubled)).unwrap_err();
        assert!(matches!(error, DpfError::Order(1)), "{error}");
        let mut moved = sound.clone();
        moved[HEADER_BYTES + 3] = 200;
        let error = opened(&resummed(moved)).unwrap_err();
        assert!(matches!(error, DpfError::Directory), "{error}");
        let mut misplaced = sound;
        misplaced[tags] ^= 0x80;
        let error = opened(&resummed(misplaced)).unwrap_err();
        assert!(matches!(error, DpfError::Order(_)), "{error}");
    }

    #[test]
    fn tags_that_repeat_as_no_keyed_hash_does_are_refused() {
        let alike = |last: u8| Fingerprint([9, 9, 9, 9, 9, 9, 9, 9, last, 0, 0, 0, 0, 0, 0, 0]);
        let some: Vec<Fingerprint> = (0..16).map(alike).collect();
        assert!(opened(&file(&some)).unwrap().contains(&alike(15)));
        // Sixteen alike, a stranger, and one more: the stranger's tag is then made theirs.
        let mut many = some;
        many.push(Fingerprint([9, 9, 9, 9, 9, 9, 9, 10, 0xff, 0, 0, 0, 0, 0, 0, 0]));
        let mut bytes = file(&many);
        let tags = HEADER_BYTES + Radix::of(17).buckets() * 4;
        bytes[tags + 16 * 8 + 7] = 9;
        assert!(matches!(opened(&resummed(bytes)), Err(DpfError::Order(16))));
    }

    proptest! {
        #[test]
        fn any_flipped_bit_is_refused(count in 0_u128..60, at in any::<proptest::sample::Index>(), bit in 0_u32..8) {
            let mut bytes = file(&spread(count));
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(opened(&bytes).is_err(), "byte {}", at);
        }

        #[test]
        fn any_fingerprints_come_back(enrolled in proptest::collection::vec(any::<[u8; 16]>(), 0..300)) {
            let fingerprints: Vec<Fingerprint> = enrolled.into_iter().map(Fingerprint).collect();
            let set = opened(&file(&fingerprints)).unwrap();
            prop_assert!(fingerprints.iter().all(|fingerprint| set.contains(fingerprint)));
        }

        #[test]
        fn any_bytes_are_survived(body in proptest::collection::vec(any::<u8>(), 0..300), count in 0_u64..20) {
            let mut bytes = Header { label: label(), count }.to_bytes();
            bytes.extend(body);
            let _ = read(&bytes[..], Header { label: label(), count }.file_bytes());
            let _ = opened(&bytes);
            let _ = opened(&resummed([bytes, vec![0; 32]].concat()));
        }
    }
}
