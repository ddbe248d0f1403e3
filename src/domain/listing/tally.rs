//! How many bytes of several kinds there are, counted in one pass.

/// Bytes that may be counted at once.
pub(super) const MOST: usize = (1 << Tally::BITS) - 1;

/// Counts of up to six kinds of bytes, ten bits each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tally(u64);

/// What each byte adds to a [`Tally`].
pub(super) struct Kinds([u64; 256]);

impl Kinds {
    /// No byte is of any kind.
    pub(super) const NONE: Self = Self([0; 256]);

    /// Makes the bytes from `first` to `last` ones of a kind.
    pub(super) const fn with(mut self, kind: usize, (first, last): (u8, u8)) -> Self {
        let mut byte = first as usize;
        while byte <= last as usize {
            self.0[byte] += 1 << (Tally::BITS * kind);
            byte += 1;
        }
        self
    }
}

impl Tally {
    const BITS: usize = 10;

    /// Counts; of more than [`MOST`] bytes the first ones.
    pub(super) fn of(kinds: &Kinds, bytes: &[u8]) -> Self {
        let bytes = bytes.get(..MOST).unwrap_or(bytes);
        Self(bytes.iter().map(|byte| kinds.0.get(usize::from(*byte)).copied().unwrap_or_default()).sum())
    }

    /// Returns how many there are of a kind.
    pub(super) const fn count(self, kind: usize) -> u64 {
        self.0 >> (Self::BITS * kind) & MOST as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_counted_apart_and_never_run_over() {
        const KINDS: Kinds = Kinds::NONE.with(0, (b'0', b'9')).with(5, (b'5', b'5')).with(1, (0x80, 0xff));
        let counts = |bytes: &[u8]| [0, 1, 5].map(|kind| Tally::of(&KINDS, bytes).count(kind));
        assert_eq!(counts("5 apples, 15 é".as_bytes()), [3, 2, 2]);
        assert_eq!(counts(&[b'5'; 5000]), [1023, 0, 1023]);
    }
}
