//! Rar archives of all ages, encrypted ones too, and those behind a program that would unpack them.
//!
//! The library writes members out instead of letting them be read, so it works on a thread of its own and hands its
//! output over in chunks, a few at a time.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use rars::{ArchiveReadOptions, ArchiveReader, ErrorKind, ExtractionDecision, ExtractionErrorAction};

use super::body::{Behind, Body, length};
use super::guard::{Cut, Guard};
use super::kind::rar_start;
use super::{Place, Unpacker};

/// Memory for dictionaries: rar 7 may ask for gigabytes.
const DICTIONARY_BYTES: u64 = 512 << 20;
const WORKSPACE_BYTES: u64 = 1 << 30;

/// What the thread hands over.
enum Handed {
    /// A member begins.
    Start(Vec<u8>),
    /// Some of its bytes.
    Bytes(Vec<u8>),
    /// A member cannot be read.
    Failed(ErrorKind),
    /// The rest of the archive cannot be read.
    Ended(ErrorKind),
}

impl Unpacker<'_> {
    pub(super) fn rar(&mut self, place: &Place, mut body: Box<dyn Body>) {
        let packed_bytes = length(&mut *body).unwrap_or_default();
        let start = rar_start(&mut *body);
        let archive = match self.open_rar(&*body, start) {
            Ok(archive) => archive,
            Err(ErrorKind::PasswordRequired | ErrorKind::BadPassword) => return self.odd_locked(place),
            Err(_) => {
                self.odd("container-damaged", place, "a rar archive cannot be read; it is searched as it stands");
                return self.give_body(place, &mut *body);
            }
        };
        let mut names = String::new();
        for member in archive.members() {
            names.push_str(&member.meta.name_lossy());
            names.push('\n');
        }
        if archive.members().any(|member| member.meta.is_split_after || member.meta.is_split_before) {
            self.odd("container-cut", place, "a rar archive is one part of several; files across parts are not whole");
        }
        let password = self.rar_password(&archive);
        thread::scope(|scope| {
            let (sender, receiver) = sync_channel(8);
            let archive = &archive;
            scope.spawn(move || extract(archive, password.as_deref(), &sender));
            self.rar_members(place, &receiver, packed_bytes);
        });
        self.give_names(place, &names);
        self.give_before(place, &mut *body, start);
    }

    /// Opens an archive; the names may be encrypted too.
    fn open_rar(&mut self, body: &dyn Body, start: u64) -> Result<rars::Archive, ErrorKind> {
        let open = |password: Option<&[u8]>| {
            let again = body.again().and_then(|body| Behind::new(body, start)).map_err(|_| ErrorKind::Io)?;
            let options = ArchiveReadOptions::with_optional_password(password)
                .with_max_header_count(u64::from(self.order.limits.members))
                .with_max_header_bytes(64 << 20);
            ArchiveReader::read_reader_with_options(again, options).map_err(|error| error.kind())
        };
        let refused = match open(None) {
            Err(refused @ (ErrorKind::PasswordRequired | ErrorKind::BadPassword)) => refused,
            other => return other,
        };
        for (number, password) in self.passwords() {
            if let Ok(archive) = open(Some(password.reveal().as_bytes())) {
                self.proven = Some(number);
                return Ok(archive);
            }
        }
        Err(refused)
    }

    /// Finds the password that reads the smallest encrypted file.
    fn rar_password(&mut self, archive: &rars::Archive) -> Option<String> {
        let members = archive.members().enumerate();
        let (index, _) = members
            .filter(|(_, member)| member.meta.is_encrypted && !member.meta.is_directory)
            .min_by_key(|(_, member)| member.meta.unpacked_size)?;
        for (number, password) in self.passwords() {
            let options = options(Some(password.reveal()), self.order.limits.held_bytes);
            if archive.read_member_at_with_options(index, options).is_ok() {
                self.proven = Some(number);
                return Some(password.reveal().clone());
            }
        }
        None
    }

    fn rar_members(&mut self, place: &Place, receiver: &Receiver<Handed>, packed_bytes: u64) {
        let next = Rc::new(Cell::new(None));
        loop {
            let handed = next.take().or_else(|| receiver.recv().ok());
            match handed {
                None => return,
                Some(Handed::Bytes(_)) => {}
                Some(Handed::Failed(kind)) => self.odd_rar(place, kind),
                Some(Handed::Ended(kind)) => {
                    self.odd_rar(place, kind);
                    return;
                }
                Some(Handed::Start(name)) => {
                    if !self.may_open_another(place) {
                        return;
                    }
                    let inner = place.member(&name);
                    let chunks = Chunks { receiver, next: Rc::clone(&next), chunk: io::Cursor::default() };
                    let mut guard = Guard::new(chunks, self, packed_bytes);
                    let cut = guard.cut();
                    self.open_stream(&inner, &mut guard);
                    self.tell_cut(&inner, &cut);
                    if cut.get() == Cut::Limit {
                        return;
                    }
                }
            }
        }
    }

    fn odd_rar(&mut self, place: &Place, kind: ErrorKind) {
        if matches!(kind, ErrorKind::PasswordRequired | ErrorKind::BadPassword) {
            self.odd_locked(place);
        } else if kind == ErrorKind::ResourceLimit {
            self.odd("member-too-large", place, "a rar archive asks for more memory than it may have");
        } else {
            self.odd("member-unreadable", place, "a file of a rar archive is damaged or packed in a way not read");
        }
    }
}

fn options(password: Option<&str>, member_bytes: u64) -> ArchiveReadOptions<'_> {
    ArchiveReadOptions::with_optional_password(password.map(str::as_bytes))
        .with_rar50_dictionary_size_limit(DICTIONARY_BYTES)
        .with_max_reader_workspace_bytes(WORKSPACE_BYTES)
        .with_max_member_output_bytes(member_bytes)
}

/// Unpacks the archive into the channel, until all is done or nobody listens.
fn extract(archive: &rars::Archive, password: Option<&str>, sender: &SyncSender<Handed>) {
    let options = options(password, u64::MAX);
    let gone = || rars::Error::from(io::Error::from(io::ErrorKind::BrokenPipe));
    let ended = archive.extract_with_control_and_errors(
        options,
        |member| {
            let is_locked = member.meta.is_encrypted && password.is_none();
            if member.meta.is_directory || member.meta.is_redirection {
                return Ok(ExtractionDecision::Skip);
            }
            if is_locked {
                sender.send(Handed::Failed(ErrorKind::PasswordRequired)).map_err(|_| gone())?;
                // Files of a solid archive cannot be skipped: the error that follows ends the reading.
                return Ok(ExtractionDecision::Skip);
            }
            sender.send(Handed::Start(member.meta.name.clone())).map_err(|_| gone())?;
            Ok(ExtractionDecision::Extract(Box::new(Sink(sender.clone()))))
        },
        |_, error| {
            sender.send(Handed::Failed(error.kind())).map_err(|_| gone())?;
            Ok(ExtractionErrorAction::Continue)
        },
    );
    if let Err(error) = ended {
        // Nobody listens any more if this fails.
        let _ = sender.send(Handed::Ended(error.kind()));
    }
}

struct Sink(SyncSender<Handed>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for chunk in bytes.chunks(1 << 20) {
            self.0.send(Handed::Bytes(chunk.to_vec())).map_err(|_| io::ErrorKind::BrokenPipe)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The bytes of one member, as they are handed over.
struct Chunks<'r> {
    receiver: &'r Receiver<Handed>,
    /// What came after the member.
    next: Rc<Cell<Option<Handed>>>,
    chunk: io::Cursor<Vec<u8>>,
}

impl Read for Chunks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let bytes = self.chunk.read(buffer)?;
            if bytes > 0 || buffer.is_empty() {
                return Ok(bytes);
            }
            let ahead = self.next.take();
            match ahead.or_else(|| self.receiver.recv().ok()) {
                Some(Handed::Bytes(chunk)) => self.chunk = io::Cursor::new(chunk),
                other => {
                    self.next.set(other);
                    return Ok(0);
                }
            }
        }
    }
}
