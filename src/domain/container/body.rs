//! A document that can be read at any place, and read again: a file, or bytes in memory.

use std::fmt;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;

use super::kind::{HEAD_BYTES, TAIL_BYTES};

/// Bytes that can be read at any place.
pub trait Body: Read + Seek + Send + fmt::Debug {
    /// Returns a second reader over the same bytes.
    ///
    /// # Errors
    /// When the file behind cannot be shared.
    fn again(&self) -> io::Result<Box<dyn Body>>;
}

/// Bytes in memory.
#[derive(Debug, Clone)]
pub struct Held(Cursor<Shared>);

#[derive(Debug, Clone)]
struct Shared(Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Held {
    /// Takes the bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Cursor::new(Shared(Arc::new(bytes))))
    }
}

impl Read for Held {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for Held {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl Body for Held {
    fn again(&self) -> io::Result<Box<dyn Body>> {
        let mut again = self.clone();
        again.0.set_position(0);
        Ok(Box::new(again))
    }
}

/// A body without its first bytes: the archive behind a program that would unpack it.
#[derive(Debug)]
pub(super) struct Behind {
    body: Box<dyn Body>,
    start: u64,
}

impl Behind {
    pub(super) fn new(mut body: Box<dyn Body>, start: u64) -> io::Result<Self> {
        body.seek(SeekFrom::Start(start))?;
        Ok(Self { body, start })
    }
}

impl Read for Behind {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.body.read(buffer)
    }
}

impl Seek for Behind {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => SeekFrom::Start(at.saturating_add(self.start)),
            SeekFrom::End(_) | SeekFrom::Current(_) => to,
        };
        self.body.seek(to)?.checked_sub(self.start).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }
}

impl Body for Behind {
    fn again(&self) -> io::Result<Box<dyn Body>> {
        Ok(Box::new(Self::new(self.body.again()?, self.start)?))
    }
}

/// Returns how long a body is, and leaves it at its beginning.
pub(super) fn length(body: &mut dyn Body) -> io::Result<u64> {
    let length = body.seek(SeekFrom::End(0))?;
    body.rewind()?;
    Ok(length)
}

/// Reads the first and last bytes; what cannot be read is missing from them.
pub(super) fn ends(body: &mut dyn Body) -> (Vec<u8>, Vec<u8>) {
    let read = |body: &mut dyn Body, from: u64, bytes: usize| {
        let mut part = Vec::new();
        if body.seek(SeekFrom::Start(from)).is_ok() {
            // A part that cannot be read is as good as a short file: what it was is told when it is opened.
            let _ = body.take(bytes as u64).read_to_end(&mut part);
        }
        part
    };
    let length = length(body).unwrap_or_default();
    let head = read(body, 0, HEAD_BYTES);
    let tail = read(body, length.saturating_sub(TAIL_BYTES as u64), TAIL_BYTES);
    // A failure here shows up again at the first read.
    let _ = body.rewind();
    (head, tail)
}

/// Reads a whole body into memory, up to `limit` bytes; an error counts as the end.
pub(super) fn read_whole(body: &mut dyn Body, limit: u64) -> Vec<u8> {
    if body.rewind().is_err() {
        return Vec::new();
    }
    let (Ok(bytes) | Err(bytes)) = super::guard::read_up_to(body, limit);
    bytes
}
