//! Readers that end where the limits end.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use super::Unpacker;

/// What is allowed however small the packed file is.
const FLOOR_BYTES: u64 = 1 << 20;

/// Why a reader ended before its file did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// It did not.
    No,
    /// It would have given more than the limits allow.
    Limit,
    /// It is damaged there.
    Broken,
}

/// Unpacked bytes, up to the limits; what is beyond, or behind damage, is missing as if the file ended there.
#[derive(Debug)]
pub(super) struct Guard<R> {
    inner: R,
    /// Packed bytes: known from the start, or counted as they are read.
    packed: Rc<Cell<u64>>,
    ratio: u64,
    given: u64,
    budget: Rc<Cell<u64>>,
    cut: Rc<Cell<Cut>>,
}

impl<R: Read> Guard<R> {
    pub(super) fn new(inner: R, unpacker: &Unpacker<'_>, packed_bytes: u64) -> Self {
        Self::counted(inner, unpacker, Rc::new(Cell::new(packed_bytes)))
    }

    /// Guards a decoder whose input is counted by a [`Meter`].
    pub(super) fn counted(inner: R, unpacker: &Unpacker<'_>, packed: Rc<Cell<u64>>) -> Self {
        let (ratio, budget) = (unpacker.order.limits.ratio, Rc::clone(&unpacker.budget));
        Self { inner, packed, ratio, given: 0, budget, cut: Rc::new(Cell::new(Cut::No)) }
    }

    /// Returns where it will be told why the reader ended.
    pub(super) fn cut(&self) -> Rc<Cell<Cut>> {
        Rc::clone(&self.cut)
    }
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cut.get() != Cut::No || buffer.is_empty() {
            return Ok(0);
        }
        let by_ratio = self.packed.get().saturating_mul(self.ratio).max(FLOOR_BYTES).saturating_sub(self.given);
        let allowed = usize::try_from(by_ratio.min(self.budget.get())).unwrap_or(usize::MAX);
        if allowed == 0 {
            // One byte more tells a file that ends here from one that is cut.
            let is_more = self.inner.read(&mut [0]).is_ok_and(|bytes| bytes > 0);
            self.cut.set(if is_more { Cut::Limit } else { Cut::No });
            return Ok(0);
        }
        let length = buffer.len().min(allowed);
        loop {
            match self.inner.read(buffer.get_mut(..length).unwrap_or_default()) {
                Ok(bytes) => {
                    self.given += bytes as u64;
                    self.budget.set(self.budget.get().saturating_sub(bytes as u64));
                    return Ok(bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.cut.set(Cut::Broken);
                    return Ok(0);
                }
            }
        }
    }
}

/// Counts what is read through it.
#[derive(Debug)]
pub(super) struct Meter<R> {
    inner: R,
    read: Rc<Cell<u64>>,
}

impl<R: Read> Meter<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, read: Rc::new(Cell::new(0)) }
    }

    pub(super) fn count(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.read)
    }
}

impl<R: Read> Read for Meter<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.inner.read(buffer)?;
        self.read.set(self.read.get() + bytes as u64);
        Ok(bytes)
    }
}

/// Reads up to `limit` bytes; on an error, gives what came before it.
pub(super) fn read_up_to(reader: &mut (impl Read + ?Sized), limit: u64) -> Result<Vec<u8>, Vec<u8>> {
    let mut bytes = Vec::new();
    match reader.take(limit).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(_) => Err(bytes),
    }
}
