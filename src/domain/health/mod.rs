//! Are we blind? How sources, networks and the product itself fare, judged by their own history.
//!
//! Times are given, never read: the same history always gives the same alarms. Not here: where the history is kept
//! (`ports::store`), who is told (`services::watchkeeping`).

mod letter;
mod rules;
mod told;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::domain::source::Network;

pub use letter::{Occasion, body, subject};
pub use rules::alarms;
pub use told::{Fares, Told, ago, tell};

/// Hours that count as now, when a source is compared with its past.
pub const RECENT: SignedDuration = SignedDuration::from_hours(24);
/// How far back its past goes.
pub const PAST: SignedDuration = SignedDuration::from_hours(24 * 28);

/// What is not well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlarmKind {
    /// A source brings far fewer new posts than it used to.
    YieldFell,
    /// Pages come, and nothing is read from them.
    LayoutUnknown,
    /// A source shows log-in pages, or needs a person.
    SessionLost,
    /// A source has not been reached for long.
    SourceDown,
    /// A source is read, and has had nothing new for unusually long.
    NothingNew,
    /// Our clock and the sites' disagree.
    ClockWrong,
    /// The way into a network is down.
    NetworkDown,
    /// There is little room left for what is kept.
    DiskLow,
    /// The last drill did not come through.
    DrillFailed,
    /// No drill has come through for long.
    DrillMissing,
    /// Alerts to an organization do not arrive.
    AlertUndelivered,
}

impl AlarmKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::YieldFell,
        Self::LayoutUnknown,
        Self::SessionLost,
        Self::SourceDown,
        Self::NothingNew,
        Self::ClockWrong,
        Self::NetworkDown,
        Self::DiskLow,
        Self::DrillFailed,
        Self::DrillMissing,
        Self::AlertUndelivered,
    ];

    /// Returns the kind's word in the store and in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::YieldFell => "yield-fell",
            Self::LayoutUnknown => "layout-unknown",
            Self::SessionLost => "session-lost",
            Self::SourceDown => "source-down",
            Self::NothingNew => "nothing-new",
            Self::ClockWrong => "clock-wrong",
            Self::NetworkDown => "network-down",
            Self::DiskLow => "disk-low",
            Self::DrillFailed => "drill-failed",
            Self::DrillMissing => "drill-missing",
            Self::AlertUndelivered => "alert-undelivered",
        }
    }

    /// Returns what the kind means, for people: the start of a subject line.
    pub const fn says(self) -> &'static str {
        match self {
            Self::YieldFell => "brings far less than it used to",
            Self::LayoutUnknown => "is fetched but not understood",
            Self::SessionLost => "wants a login",
            Self::SourceDown => "cannot be reached",
            Self::NothingNew => "has had nothing new for unusually long",
            Self::ClockWrong => "is wrong",
            Self::NetworkDown => "cannot be entered",
            Self::DiskLow => "is nearly full",
            Self::DrillFailed => "did not come through",
            Self::DrillMissing => "has not come through for long",
            Self::AlertUndelivered => "is not told of its leaks",
        }
    }

    /// Tells whether it is about one source.
    pub const fn is_of_source(self) -> bool {
        match self {
            Self::YieldFell | Self::LayoutUnknown | Self::SessionLost | Self::SourceDown | Self::NothingNew => true,
            Self::ClockWrong
            | Self::NetworkDown
            | Self::DiskLow
            | Self::DrillFailed
            | Self::DrillMissing
            | Self::AlertUndelivered => false,
        }
    }

    /// Reads the word of [`AlarmKind::word`].
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// One thing that is not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// What.
    pub kind: AlarmKind,
    /// Of what: a source's label, a network, a folder.
    pub subject: String,
    /// What was seen, in words.
    pub detail: String,
    /// What would mend it.
    pub mend: String,
}

/// Everything that is judged.
#[derive(Debug, Clone, Default)]
pub struct Situation {
    /// How each source fares.
    pub sources: Vec<SourcePast>,
    /// Networks whose way in is down.
    pub lanes_down: Vec<LaneDown>,
    /// Room for what is kept, if it can be told.
    pub disk: Option<Disk>,
    /// The drill, if it is to run.
    pub drill: Option<DrillPast>,
    /// Alerts that do not arrive, by organization.
    pub undelivered: Vec<Undelivered>,
}

/// An organization's alerts, of cases that nobody has acknowledged, that do not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// Whose.
    pub organization: String,
    /// Given up.
    pub dead: u64,
    /// Tried in vain for long.
    pub late: u64,
    /// When the oldest was made.
    pub since: Timestamp,
    /// What kind of failure one of them met: a word of `alert list`.
    pub failure: Option<String>,
}

/// A source's past, as far as it is judged.
#[derive(Debug, Clone)]
pub struct SourcePast {
    /// Its name in the store.
    pub id: String,
    /// Its name for people.
    pub label: String,
    /// Its network.
    pub network: Network,
    /// When it was added.
    pub added_at: Timestamp,
    /// The last [`RECENT`] hours.
    pub recent: Counts,
    /// The time before, back to [`PAST`].
    pub before: Counts,
    /// Length of `before`, at most [`PAST`]; short for a new source.
    pub before_lasted: SignedDuration,
    /// The last page that came, changed or not.
    pub last_success_at: Option<Timestamp>,
    /// The last failure, with what it was.
    pub last_failure: Option<(Timestamp, String)>,
    /// When the last post was made or found that was new then.
    pub last_fresh_at: Option<Timestamp>,
    /// When something of it is due next; `None` if nothing is.
    pub next_due_at: Option<Timestamp>,
    /// Why it is left alone on purpose, if it is.
    pub rests: Option<Rests>,
    /// By how much our clock was ahead of its, and when that was seen.
    pub clock_ahead: Option<(SignedDuration, Timestamp)>,
}

/// Why a source is left alone on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rests {
    /// The operator has paused it.
    Paused,
    /// Nothing goes on before a person has seen to it.
    NeedsPerson(String),
    /// It goes on by itself at that time.
    Until(Timestamp, String),
}

/// How often visits had which outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Pages read, unchanged ones included.
    pub read: u64,
    /// Pages that came and of which nothing was understood.
    pub unread: u64,
    /// Pages that ask for a login.
    pub login_wanted: u64,
    /// Pages that refuse us.
    pub denied: u64,
    /// Fetches that failed.
    pub failed: u64,
    /// New posts that had just been made.
    pub fresh: u64,
}

impl Counts {
    /// Returns how many pages came.
    pub const fn pages(&self) -> u64 {
        self.read + self.unread + self.login_wanted + self.denied
    }
}

/// A network whose way in is down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneDown {
    /// Which.
    pub network: Network,
    /// Since when.
    pub since: Timestamp,
    /// What is wrong.
    pub reason: String,
}

/// Room on the disk where things are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The folder.
    pub folder: String,
    /// Bytes that may still be written.
    pub free_bytes: u64,
    /// Bytes in all.
    pub size_bytes: u64,
    /// Whether that is a budget, and not the disk's own size.
    pub is_budget: bool,
}

/// What is known of the drill.
#[derive(Debug, Clone, Default)]
pub struct DrillPast {
    /// Time between two drills.
    pub every: SignedDuration,
    /// Since when they are to run.
    pub since: Option<Timestamp>,
    /// The last one at each place.
    pub last: Vec<DrillRun>,
}

/// How one drill went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DrillRun {
    /// Over which way: `this machine`, or a site's label.
    pub place: String,
    /// When.
    pub at: Timestamp,
    /// The step that failed, and why; `None` if it came through.
    pub failure: Option<(String, String)>,
    /// How long it took.
    #[serde(rename = "took_ms")]
    pub took_ms: u64,
    /// When one last came through there.
    pub last_whole_at: Option<Timestamp>,
}
