//! A case's life on one line: posts, and when it was found, mailed, acknowledged, confirmed. Drawn as SVG; the table of places
//! beside it says the same.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::actor::Actor;
use crate::ports::store::console::CaseLine;
use crate::ports::store::model::Sighting;

const WIDTH: f64 = 640.0;
const MARGIN: f64 = 12.0;

/// Marks on a line.
#[derive(Debug)]
pub(crate) struct Drawing {
    /// What is within the SVG.
    pub(crate) body: String,
    /// The clocks, in order: class, name and time.
    pub(crate) clocks: Vec<(&'static str, &'static str, Timestamp)>,
}

/// Draws a case's life; `None` if all of it is one moment.
pub(crate) fn draw(line: &CaseLine, sightings: &[Sighting], actor: &Actor) -> Option<Drawing> {
    let clock = |class: &'static str, english: &'static str, chinese: &'static str, at: Option<Timestamp>| {
        at.map(|at| (class, actor.viewer.tongue.choose(english, chinese), at))
    };
    let mut clocks: Vec<(&'static str, &'static str, Timestamp)> = [
        clock("posted", "first posted", "首次发布", line.first_posted_at),
        clock("found", "found", "发现", Some(line.first_matched_at)),
        clock("mailed", "mailed", "通知", line.first_mailed_at),
        clock("seen", "acknowledged", "受理", line.first_acknowledged_at),
        clock("confirmed", "confirmed", "确认", line.first_confirmed_at),
    ]
    .into_iter()
    .flatten()
    .collect();
    clocks.sort_by_key(|(_, _, at)| *at);
    let posts: Vec<Timestamp> =
        sightings.iter().map(|sighting| sighting.posted_at.unwrap_or(sighting.seen_at)).collect();
    let times = || posts.iter().copied().chain(clocks.iter().map(|(_, _, at)| *at));
    let (from, to) = (times().min()?, times().max()?);
    let span = seconds(from, to);
    if span < 1.0 {
        return None;
    }
    let x = |at: Timestamp| MARGIN + seconds(from, at) / span * (WIDTH - 2.0 * MARGIN);
    let mut body = format!("<line x1=\"{MARGIN}\" x2=\"{}\" y1=\"16\" y2=\"16\" class=\"axis\"/>", WIDTH - MARGIN);
    for at in &posts {
        let _ = write!(body, "<circle cx=\"{:.1}\" cy=\"16\" r=\"4\" class=\"post\"/>", x(*at));
    }
    for (class, _, at) in &clocks {
        let _ = write!(
            body,
            "<rect x=\"{:.1}\" y=\"4\" width=\"3\" height=\"24\" rx=\"1\" class=\"{class}\"/>",
            x(*at) - 1.5
        );
    }
    Some(Drawing { body, clocks })
}

#[expect(clippy::cast_precision_loss, reason = "a drawing is not that precise")]
fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    (to.as_second() - from.as_second()) as f64
}
