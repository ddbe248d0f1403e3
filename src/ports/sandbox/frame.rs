//! What a process that unpacks says to the one that searches: one frame a step, each with its length.
//!
//! The reader trusts nothing: a length beyond the limits, a text that is none, an unknown tag end the conversation.

use std::io::{self, Read, Write};

use crate::domain::container::{Origin, Piece};
use crate::domain::oddity::Oddity;

const START: u8 = b'S';
const BYTES: u8 = b'B';
const END: u8 = b'E';
const ODD: u8 = b'O';
const DONE: u8 = b'D';

/// Longest frame that is read.
const FRAME_BYTES: u32 = 1 << 20;

/// One step, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Frame {
    Start(String, Origin),
    Bytes(Vec<u8>),
    End,
    Odd(Oddity),
    /// Everything was unpacked.
    Done,
}

impl Frame {
    /// Reads the next frame; `None` at the end of the stream.
    pub(super) fn read(reader: &mut impl Read) -> io::Result<Option<Self>> {
        let mut head = [0; 5];
        let mut filled = 0;
        while filled < head.len() {
            match reader.read(head.get_mut(filled..).unwrap_or_default()) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(bytes) => filled += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let [tag, a, b, c, d] = head;
        let length = u32::from_le_bytes([a, b, c, d]);
        if length > FRAME_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut content = vec![0; length as usize];
        reader.read_exact(&mut content)?;
        Self::of(tag, content).map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn of(tag: u8, content: Vec<u8>) -> Option<Self> {
        match tag {
            START => {
                let (origin, path) = content.split_first()?;
                let origin = match origin {
                    b'd' => Origin::Document,
                    b'f' => Origin::File,
                    b'r' => Origin::Rendered,
                    _ => return None,
                };
                Some(Self::Start(std::str::from_utf8(path).ok()?.to_owned(), origin))
            }
            BYTES => Some(Self::Bytes(content)),
            END if content.is_empty() => Some(Self::End),
            ODD => {
                let text = String::from_utf8(content).ok()?;
                let (code, detail) = text.split_once('\n')?;
                let is_code = code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
                let is_plain = !detail.chars().any(char::is_control);
                (is_code && is_plain && code.len() < 64 && detail.len() < 4096)
                    .then(|| Self::Odd(Oddity::new(code, detail)))
            }
            DONE if content.is_empty() => Some(Self::Done),
            _ => None,
        }
    }
}

/// Writes one step.
pub(super) fn write(writer: &mut impl Write, piece: &Piece<'_>) -> io::Result<()> {
    match piece {
        Piece::Start(path, origin) => {
            let origin = match origin {
                Origin::Document => b'd',
                Origin::File => b'f',
                Origin::Rendered => b'r',
            };
            write_frame(writer, START, &[&[origin], path.as_bytes()])?;
            // Whoever reads is to know which member it was, should this process die of it.
            writer.flush()
        }
        Piece::Bytes(bytes) => {
            bytes.chunks(FRAME_BYTES as usize).try_for_each(|chunk| write_frame(writer, BYTES, &[chunk]))
        }
        Piece::End => write_frame(writer, END, &[]),
        Piece::Odd(oddity) => {
            let detail: String = oddity.detail.chars().filter(|character| !character.is_control()).take(1000).collect();
            write_frame(writer, ODD, &[oddity.code.as_bytes(), b"\n", detail.as_bytes()])?;
            writer.flush()
        }
    }
}

/// Writes that everything was unpacked.
pub(super) fn write_done(writer: &mut impl Write) -> io::Result<()> {
    write_frame(writer, DONE, &[])?;
    writer.flush()
}

fn write_frame(writer: &mut impl Write, tag: u8, parts: &[&[u8]]) -> io::Result<()> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let length = u32::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
    let [a, b, c, d] = length.to_le_bytes();
    writer.write_all(&[tag, a, b, c, d])?;
    parts.iter().try_for_each(|part| writer.write_all(part))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let odd = Oddity::new("member-unreadable", "a/б: damaged");
        let long = vec![b'x'; (FRAME_BYTES + 5) as usize];
        let mut stream = Vec::new();
        for piece in [
            Piece::Start("a/б", Origin::File),
            Piece::Bytes(&long),
            Piece::End,
            Piece::Odd(odd.clone()),
            Piece::Start("", Origin::Document),
            Piece::Start("t", Origin::Rendered),
        ] {
            write(&mut stream, &piece).unwrap();
        }
        write_done(&mut stream).unwrap();
        let mut reader = stream.as_slice();
        let frames: Vec<Frame> = std::iter::from_fn(|| Frame::read(&mut reader).unwrap()).collect();
        let expected = [
            Frame::Start("a/б".to_owned(), Origin::File),
            Frame::Bytes(vec![b'x'; FRAME_BYTES as usize]),
            Frame::Bytes(b"xxxxx".to_vec()),
            Frame::End,
            Frame::Odd(odd),
            Frame::Start(String::new(), Origin::Document),
            Frame::Start("t".to_owned(), Origin::Rendered),
            Frame::Done,
        ];
        assert_eq!(frames, expected);
    }

    #[test]
    fn what_is_no_frame_ends_the_conversation() {
        for stream in [
            b"B\xff\xff\xff\xff".as_slice(),
            b"B\x05\x00\x00\x00abc",
            b"Z\x00\x00\x00\x00",
            b"S\x02\x00\x00\x00x\xff",
            b"S\x02\x00\x00\x00f\xff",
            b"S\x00\x00\x00\x00",
            b"E\x01\x00\x00\x00x",
            b"O\x03\x00\x00\x00abc",
            b"O\x06\x00\x00\x00a\nb\x1bcd",
            b"D\x00",
        ] {
            assert!(Frame::read(&mut &*stream).is_err(), "{stream:?}");
        }
        assert_eq!(Frame::read(&mut &b""[..]).unwrap(), None);
    }

    proptest! {
        #[test]
        fn any_stream_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = bytes.as_slice();
            while let Ok(Some(_)) = Frame::read(&mut reader) {}
        }
    }
}
