//! Unpacks and searches: the one way that bytes of a page, a file or a stream go to the matcher.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use super::window::Windows;
use super::{Ending, Input, Sandbox};
use crate::domain::container::{HEAD_BYTES, Origin, Piece, is_container, is_container_body, may_be_container};
use crate::domain::matcher::{Document, Matcher, Scan};

/// What was found, and how much was read.
#[derive(Debug, Default)]
pub struct Searched {
    /// What was found.
    pub scan: Scan,
    /// Bytes of the document, packed as it was.
    pub bytes: u64,
}

impl Sandbox {
    /// Finds entries in a document in memory, in its members if it is a container.
    ///
    /// Hits come by member in the order of the container, then by place. Blocks until all is searched.
    pub fn search(&self, matcher: &Matcher, document: &Document<'_>) -> Scan {
        if !is_container(document.bytes, document.name) {
            return matcher.scan(document);
        }
        let mut windows = Windows::new(matcher, document.name, (document.media_type, document.charset));
        let ending = self.unpack_into(&mut windows, document.name, Input::Bytes(document.bytes));
        let mut scan = windows.finish();
        if ending == Ending::NotStarted {
            scan.absorb(matcher.scan(document));
        }
        scan
    }

    /// Finds entries in a file; a large one costs no more memory than a small one.
    ///
    /// # Errors
    /// When the file cannot be opened or read.
    pub fn search_file(&self, matcher: &Matcher, path: &Path) -> io::Result<Searched> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return self.search_stream(matcher, &name, &mut file);
        }
        let bytes = file.metadata()?.len();
        let mut windows = Windows::new(matcher, &name, (None, None));
        let must_unpack = is_container_body(&mut file, &name);
        let ending = must_unpack.then(|| self.unpack_into(&mut windows, &name, Input::File(path)));
        if matches!(ending, None | Some(Ending::NotStarted)) {
            file.rewind()?;
            take_whole(&mut windows, &mut file)?;
        }
        Ok(Searched { scan: windows.finish(), bytes })
    }

    /// Finds entries in what comes out of a pipe.
    ///
    /// # Errors
    /// When it cannot be read; of a container, what cannot be read is told as an oddity.
    pub fn search_stream(&self, matcher: &Matcher, name: &str, reader: &mut (dyn Read + Send)) -> io::Result<Searched> {
        let mut head = Vec::new();
        reader.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
        let mut windows = Windows::new(matcher, name, (None, None));
        let mut whole = Counted { inner: head.as_slice().chain(reader), bytes: 0 };
        if may_be_container(&head, name) {
            let ending = self.unpack_into(&mut windows, name, Input::Stream(&mut whole));
            if ending == Ending::NotStarted {
                take_whole(&mut windows, &mut whole)?;
            }
        } else {
            take_whole(&mut windows, &mut whole)?;
        }
        Ok(Searched { scan: windows.finish(), bytes: whole.bytes })
    }

    fn unpack_into(&self, windows: &mut Windows<'_>, name: &str, input: Input<'_>) -> Ending {
        let ending = self.unpack(name, input, &mut |piece| windows.take(piece));
        if matches!(ending, Ending::Again | Ending::Died) {
            windows.drop_repeats();
        }
        ending
    }
}

fn take_whole(windows: &mut Windows<'_>, reader: &mut dyn Read) -> io::Result<()> {
    windows.take(Piece::Start("", Origin::Document));
    let mut chunk = vec![0; 1 << 18];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(bytes) => windows.take(Piece::Bytes(chunk.get(..bytes).unwrap_or_default())),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    windows.take(Piece::End);
    Ok(())
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.inner.read(buffer)?;
        self.bytes += bytes as u64;
        Ok(bytes)
    }
}
