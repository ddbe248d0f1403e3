//! Unpacks hostile containers in a process of their own, and searches what comes out of them.
//!
//! The process is this same program, told to `unpack`: its environment holds nothing of ours, it has limits on memory, time, files and
//! dumps that it sets before it looks at the document, and it is killed when it is waited for too long. What came out
//! before it died is kept, how it died is named as an oddity, and it is tried once more without the libraries that read
//! documents, on which most would die. A document that needs no unpacking never pays for a
//! process. Not here: how formats are read (`domain::container`), what is looked for (`domain::matcher`).
#![expect(clippy::disallowed_methods, reason = "the room that opens what is to be unpacked, and waits for who does it")]

mod child;
mod frame;
mod search;
mod window;

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

pub use child::serve;
pub use search::Searched;

use crate::domain::container::{Body, Limits, Origin, Piece, shown};
use crate::domain::oddity::Oddity;
use crate::domain::secret::Secret;
use child::Job;
use frame::Frame;

/// The hidden subcommand that the process is started with.
pub const SUBCOMMAND: &str = "unpack";

/// Frames that may wait to be searched: enough that unpacking goes on while a window is searched.
const FRAMES_WAITING: usize = 160;

/// What one process may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Address space.
    pub memory_bytes: u64,
    /// Time on a core.
    pub cpu: Duration,
    /// Time in which it is waited for, in all; the time in which it waits for us does not count.
    pub wait: Duration,
    /// What the document may grow to.
    pub limits: Limits,
}

impl Default for Allowance {
    fn default() -> Self {
        let (cpu, wait) = (Duration::from_mins(15), Duration::from_mins(20));
        Self { memory_bytes: 3 << 30, cpu, wait, limits: Limits::default() }
    }
}

impl Allowance {
    /// What an attachment of a post may cost: others wait behind it.
    pub fn of_attachments() -> Self {
        let limits = Limits { total_bytes: 4 << 30, ..Limits::default() };
        Self { cpu: Duration::from_mins(3), wait: Duration::from_mins(4), limits, ..Self::default() }
    }
}

/// Starts processes that unpack; cheap to clone.
#[derive(Debug, Clone)]
pub struct Sandbox(Arc<Setting>);

#[derive(Debug)]
struct Setting {
    program: PathBuf,
    allowance: Allowance,
    passwords: Vec<Secret<String>>,
}

impl Sandbox {
    /// Makes a sandbox that runs this program, also after its file was replaced by a newer one.
    ///
    /// # Errors
    /// When the system does not tell which program this is.
    pub fn of_this_program(allowance: Allowance) -> io::Result<Self> {
        let running = Path::new("/proc/self/exe");
        let program = if running.exists() { running.to_owned() } else { std::env::current_exe()? };
        Ok(Self::new(program, allowance))
    }

    /// Makes a sandbox that runs a given build of the program.
    pub fn new(program: PathBuf, allowance: Allowance) -> Self {
        Self(Arc::new(Setting { program, allowance, passwords: Vec::new() }))
    }

    /// Returns the same sandbox with passwords to try on what is encrypted.
    #[must_use]
    pub fn with_passwords(self, passwords: impl IntoIterator<Item = Secret<String>>) -> Self {
        let (program, allowance) = (self.0.program.clone(), self.0.allowance);
        Self(Arc::new(Setting { program, allowance, passwords: passwords.into_iter().collect() }))
    }

    /// Returns the passwords that are tried.
    pub fn passwords(&self) -> &[Secret<String>] {
        &self.0.passwords
    }

    /// Unpacks a document in a process of its own and gives its members to `visit`.
    ///
    /// Never fails: a process that cannot be started, dies or hangs is told as an oddity. One that dies is started once more
    /// and no longer lets libraries read documents, so that one of them hides nothing of what stands beside it; members that
    /// were given whole are not given again. Returns how it ended.
    fn unpack(&self, name: &str, input: Input<'_>, visit: &mut dyn FnMut(Piece<'_>)) -> Ending {
        let again = input.again();
        let mut given = Given::default();
        let first = self.attempt((name, false), input, &mut |piece| {
            given.note(&piece);
            visit(piece);
        });
        let death = match first {
            Attempt::Done => return Ending::Done,
            Attempt::NotStarted => return Ending::NotStarted,
            Attempt::Died(death) => death,
        };
        if death.is_torn {
            given.forget_last();
        }
        let second = again.map(|input| {
            self.attempt((name, true), input, &mut |piece| {
                if given.is_new(&piece) {
                    visit(piece);
                }
            })
        });
        let is_done = matches!(second, Some(Attempt::Done));
        let rest = if is_done {
            "all was unpacked again, with its documents as they stand"
        } else {
            "what was unpacked before is searched"
        };
        visit(Piece::Odd(Oddity::new(death.code, format!("{}; {rest}", death.detail))));
        if is_done { Ending::Again } else { Ending::Died }
    }

    fn attempt(&self, order: (&str, bool), input: Input<'_>, visit: &mut dyn FnMut(Piece<'_>)) -> Attempt {
        let started = Command::new(&self.0.program)
            .arg(SUBCOMMAND)
            .env_clear()
            // The allocator asks for little at once, so that its limit on memory counts what it uses.
            .env("MIMALLOC_ARENA_RESERVE", "32MiB")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(error) => {
                let detail = format!("the process that unpacks cannot be started ({error}); searched as it stands");
                visit(Piece::Odd(Oddity::new("unpacker-not-started", detail)));
                return Attempt::NotStarted;
            }
        };
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Attempt::NotStarted;
        };
        let job = Job::new(self, order, input.path());
        let (turns, told) = channel();
        let (frames, came) = sync_channel(FRAMES_WAITING);
        let wait = self.0.allowance.wait;
        thread::scope(|scope| {
            scope.spawn(move || feed(stdin, &job, input));
            let watch = scope.spawn(move || watch(child, &told, wait));
            scope.spawn(move || receive(stdout, &frames, &turns));
            let relayed = relay(&came, visit);
            drop(came);
            let fate = watch.join().unwrap_or(Fate { status: None, is_late: false });
            if relayed.is_done && !relayed.is_torn {
                return Attempt::Done;
            }
            let last = relayed.last;
            let place = if last.is_empty() { String::new() } else { format!("{}: ", shown(&last)) };
            let detail = format!("{place}{}", fate.detail());
            Attempt::Died(Death { code: fate.code(), detail, is_torn: relayed.is_torn })
        })
    }
}

/// How one process ended.
enum Attempt {
    Done,
    NotStarted,
    Died(Death),
}

struct Death {
    code: &'static str,
    detail: String,
    /// Whether it ended in the middle of a member.
    is_torn: bool,
}

/// Which members came whole, by what stands for their paths.
#[derive(Default)]
struct Given {
    hashing: RandomState,
    counts: HashMap<u64, u32>,
    last: u64,
    is_known: bool,
}

impl Given {
    fn note(&mut self, piece: &Piece<'_>) {
        match piece {
            Piece::Start(path, origin) => self.last = self.key(path, *origin),
            Piece::End => *self.counts.entry(self.last).or_default() += 1,
            Piece::Bytes(_) | Piece::Odd(_) => {}
        }
    }

    fn forget_last(&mut self) {
        if let Some(count) = self.counts.get_mut(&self.last) {
            *count = count.saturating_sub(1);
        }
    }

    /// Tells whether a piece is of a member that did not come whole before, of each path as often as it came.
    fn is_new(&mut self, piece: &Piece<'_>) -> bool {
        if let Piece::Start(path, origin) = piece {
            let key = self.key(path, *origin);
            let count = self.counts.get_mut(&key).filter(|count| **count > 0);
            self.is_known = count.map(|count| *count -= 1).is_some();
        }
        matches!(piece, Piece::Odd(_)) || !self.is_known
    }

    fn key(&self, path: &str, origin: Origin) -> u64 {
        self.hashing.hash_one((path, origin))
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Done,
    /// A process died, the next one came to its end.
    Again,
    Died,
    NotStarted,
}

/// Where the document is.
enum Input<'a> {
    Bytes(&'a [u8]),
    File(&'a Path),
    Stream(&'a mut (dyn Read + Send)),
}

impl Input<'_> {
    /// The same once more, where it can be read once more.
    const fn again(&self) -> Option<Self> {
        match self {
            Self::Bytes(bytes) => Some(Input::Bytes(bytes)),
            Self::File(path) => Some(Input::File(path)),
            Self::Stream(_) => None,
        }
    }

    const fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Bytes(_) | Self::Stream(_) => None,
        }
    }
}

/// Tells the process what to do and gives it the document; one that has died does not listen, which shows elsewhere.
fn feed(mut stdin: ChildStdin, job: &Job, input: Input<'_>) {
    if job.write(&mut stdin).is_err() {
        return;
    }
    let _ = match input {
        Input::Bytes(bytes) => stdin.write_all(bytes),
        Input::File(_) => Ok(()),
        Input::Stream(reader) => io::copy(reader, &mut stdin).map(drop),
    };
}

/// Whose turn it is: only the time in which the process is waited for counts against it.
#[derive(Debug, Clone, Copy)]
enum Turn {
    Its,
    Ours,
}

/// Reads what the process says until it ends or says what cannot be understood.
fn receive(mut stdout: ChildStdout, frames: &SyncSender<Frame>, turns: &Sender<Turn>) {
    loop {
        // The watch outlives this thread unless the process was late.
        let _ = turns.send(Turn::Its);
        let frame = Frame::read(&mut stdout);
        let _ = turns.send(Turn::Ours);
        match frame {
            Ok(Some(frame)) => {
                if frames.send(frame).is_err() {
                    return;
                }
            }
            Ok(None) | Err(_) => return,
        }
    }
}

/// What a process said.
struct Relayed {
    /// That all was done.
    is_done: bool,
    /// The member it last spoke of.
    last: String,
    /// Whether that member did not end.
    is_torn: bool,
}

/// Gives the members on.
fn relay(frames: &Receiver<Frame>, visit: &mut dyn FnMut(Piece<'_>)) -> Relayed {
    let (mut last, mut is_open) = (String::new(), false);
    let mut is_done = false;
    for frame in frames {
        match frame {
            Frame::Start(path, origin) => {
                visit(Piece::Start(&path, origin));
                (last, is_open) = (path, true);
            }
            Frame::Bytes(bytes) if is_open => visit(Piece::Bytes(&bytes)),
            Frame::End if is_open => {
                visit(Piece::End);
                is_open = false;
            }
            Frame::Odd(oddity) => visit(Piece::Odd(oddity)),
            Frame::Done => is_done = true,
            // Only a process that was taken over speaks out of turn.
            Frame::Bytes(_) | Frame::End => break,
        }
    }
    if is_open {
        visit(Piece::End);
    }
    Relayed { is_done, last, is_torn: is_open }
}

/// How the process ended.
#[derive(Debug)]
struct Fate {
    status: Option<ExitStatus>,
    is_late: bool,
}

impl Fate {
    const fn code(&self) -> &'static str {
        if self.is_late { "unpacker-too-slow" } else { "unpacker-died" }
    }

    fn detail(&self) -> String {
        use std::os::unix::process::ExitStatusExt as _;
        const ABORTED: i32 = 6;
        const KILLED: i32 = 9;
        const TOO_LONG: i32 = 24;
        let signal = self.status.and_then(|status| status.signal());
        match signal {
            _ if self.is_late => "unpacking took too long and was ended".to_owned(),
            Some(TOO_LONG) => "unpacking took too much computing and was ended".to_owned(),
            Some(ABORTED | KILLED) => "unpacking took too much memory or computing and was ended".to_owned(),
            Some(signal) => format!("unpacking crashed (signal {signal})"),
            None => format!("unpacking ended early ({})", code_of(self.status)),
        }
    }
}

fn code_of(status: Option<ExitStatus>) -> String {
    status
        .and_then(|status| status.code())
        .map_or_else(|| "no exit code".to_owned(), |code| format!("exit code {code}"))
}

/// Waits for the process to end, and ends it when it was waited for too long.
fn watch(mut child: Child, turns: &Receiver<Turn>, mut left: Duration) -> Fate {
    let mut is_late = false;
    let mut turn = Turn::Its;
    loop {
        let since = Instant::now();
        let told = match turn {
            Turn::Its => turns.recv_timeout(left),
            Turn::Ours => turns.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        if matches!(turn, Turn::Its) {
            left = left.saturating_sub(since.elapsed());
        }
        match told {
            Ok(told) => turn = told,
            Err(RecvTimeoutError::Timeout) => {
                is_late = true;
                break;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    // One that has ended keeps its exit code: to kill it changes nothing.
    let _ = child.kill();
    Fate { status: child.wait().ok(), is_late }
}

impl Body for File {
    fn again(&self) -> io::Result<Box<dyn Body>> {
        let mut again = self.try_clone()?;
        io::Seek::rewind(&mut again)?;
        Ok(Box::new(again))
    }
}
