//! The board's clock: what time it was when the page was made, how far from UTC, how dates are written there.
//!
//! Pages may be read hours after they were fetched: a clock printed with its zone wins over the time of fetching.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use scraper::{ElementRef, Node};

use ego_tree::iter::Edge;

use crate::domain::forum::dates::{self, Clock, DayOrder, Moment};
use crate::domain::forum::sheet::Survey;
use crate::domain::forum::{Engine, dom};
use crate::domain::page::FetchedPage;

/// A printed clock may be this much older than the fetch: minutes are cut off, answers take time.
const LAG: SignedDuration = SignedDuration::from_secs(150);
/// Beyond this the printed clock, not the time of fetching, is when the page was made.
const FRESH: SignedDuration = SignedDuration::from_mins(3);

/// Finds the clock of the board that a page comes from.
pub(super) fn of_board(survey: &Survey<'_>, page: &FetchedPage, engine: Engine) -> Clock {
    let lines = survey.lines.as_slice();
    let order = day_order(lines, page.fetched_at, engine);
    let stated = stated_zone(lines).or_else(|| shown_zone(survey, order));
    let printed = printed_clock(lines, order);
    let offset = stated.or_else(|| inferred_zone(printed?, page)).unwrap_or(Offset::UTC);
    let now = printed
        .and_then(|civil| offset.to_timestamp(civil).ok())
        .filter(|now| page.fetched_at.duration_since(*now).abs() > FRESH)
        .unwrap_or(page.fetched_at);
    Clock { now, offset, order }
}

fn day_order(lines: &[&str], fetched_at: Timestamp, engine: Engine) -> DayOrder {
    let (mut day_first, mut month_first) = (0, 0);
    let is_candidate =
        |line: &&&str| line.len() <= 120 && line.bytes().filter(|byte| matches!(byte, b'-' | b'/')).count() >= 2;
    for line in lines.iter().filter(is_candidate).take(300) {
        let (day, month) = dates::order_evidence(line, fetched_at);
        day_first += day;
        month_first += month;
    }
    match (day_first, month_first, engine) {
        (day, month, _) if day > month => DayOrder::DayFirst,
        (day, month, _) if month > day => DayOrder::MonthFirst,
        (_, _, Engine::Mybb | Engine::Vbulletin | Engine::Vbulletin5 | Engine::Xenforo | Engine::Invision) => {
            DayOrder::MonthFirst
        }
        (
            _,
            _,
            Engine::Phpbb
            | Engine::Discuz
            | Engine::Smf
            | Engine::Nodebb
            | Engine::Flarum
            | Engine::Discourse
            | Engine::Telegram
            | Engine::Wordpress
            | Engine::Paste
            | Engine::Feed
            | Engine::Generic,
        ) => DayOrder::DayFirst,
    }
}

/// The zone in which a page writes out an instant that it also gives in UTC: `<time datetime=…Z>8:13 PM</time>`.
fn shown_zone(survey: &Survey<'_>, order: DayOrder) -> Option<Offset> {
    const STEP: i64 = 900;
    survey.times.iter().find_map(|(instant, element)| {
        let is_zoned = instant.ends_with('Z') || instant.ends_with("+00:00") || instant.ends_with("+0000");
        let clock = Clock { now: Timestamp::UNIX_EPOCH, offset: Offset::UTC, order };
        let at = clock.read(instant).filter(|_| is_zoned)?.at;
        let words = dom::line_up_to(*element, 80);
        let civil = dates::printed(&words, order).or_else(|| dates::printed(dom::attr(*element, "title")?, order))?;
        let apart = Offset::UTC.to_timestamp(civil).ok()?.duration_since(at).as_secs();
        // The printed minute may be cut off.
        let steps = (apart + 59).div_euclid(STEP);
        let is_whole = (apart - steps * STEP).abs() <= 59 && (steps * STEP).abs() <= 14 * 3_600;
        is_whole.then(|| Offset::from_seconds(i32::try_from(steps * STEP).ok()?).ok()).flatten()
    })
}

/// Lines of a page that begin at `at`, as one: a label and its value are often two elements.
fn joined(lines: &[&str], at: usize) -> String {
    lines.iter().skip(at).take(3).copied().collect::<Vec<_>>().join(" ")
}

const ZONE_LABELS: [&str; 6] = ["times are", "часовой пояс", "时间均为", "時間均為", "时区", "time zone"];

const CLOCK_LABELS: [&str; 11] = [
    "current time",
    "it is currently",
    "time now is",
    "server time",
    "当前时间",
    "当前时区",
    "现在的时间",
    "現在的時間",
    "текущее время",
    "сейчас:",
    "gmt",
];

/// Tells by one look whether a line may hold a label; of letters beyond ASCII a look cannot tell the case.
fn may_hold_label(line: &str) -> bool {
    static LABELS: LazyLock<AhoCorasick> = LazyLock::new(|| {
        let builder =
            AhoCorasick::builder().ascii_case_insensitive(true).build(ZONE_LABELS.iter().chain(&CLOCK_LABELS));
        builder.expect("a few short words fit an automaton")
    });
    !line.is_ascii() || LABELS.is_match(line)
}

fn stated_zone(lines: &[&str]) -> Option<Offset> {
    lines.iter().enumerate().rev().find_map(|(at, line)| {
        if line.starts_with("GMT") || line.starts_with("UTC") {
            let has_sign =
                line.chars().skip(3).find(|letter| !letter.is_whitespace()).is_some_and(|sign| "+-−".contains(sign));
            return if has_sign { dates::stated_offset(line) } else { None };
        }
        // Long lines are somebody's words.
        if line.len() >= 200 || !may_hold_label(line) {
            return None;
        }
        let folded = line.to_lowercase();
        let is_labelled = ZONE_LABELS.iter().any(|label| folded.contains(label));
        if is_labelled { dates::stated_offset(&joined(lines, at)) } else { None }
    })
}

fn printed_clock(lines: &[&str], order: DayOrder) -> Option<DateTime> {
    lines.iter().enumerate().rev().find_map(|(at, line)| {
        if line.len() > 200 || !may_hold_label(line) {
            return None;
        }
        let folded = line.to_lowercase();
        let label = CLOCK_LABELS.iter().find(|label| folded.contains(*label))?;
        let after = joined(lines, at).to_lowercase();
        let value = after
            .split_once(*label)?
            .1
            .trim_start_matches(|letter: char| "+-0123456789".contains(letter) && *label == "gmt");
        dates::printed(value, order)
    })
}

/// The zone follows from the printed clock if it differs from the time of the answer by whole half hours.
///
/// Every live server says what time it is (RFC 9110 section 6.6.1): an answer with headers but no `Date` is a copy, made
/// who knows when, and says nothing of the zone. A page without any headers was read from a file, with its time given.
fn inferred_zone(printed: DateTime, page: &FetchedPage) -> Option<Offset> {
    const STEP: i64 = 1_800;
    let answered = page.header("date").and_then(dates::http_date);
    let fetched = (answered.is_some() || page.headers.is_empty()).then_some(page.fetched_at);
    let local = Offset::UTC.to_timestamp(printed).ok()?;
    [answered, fetched].into_iter().flatten().find_map(|instant| {
        // The printed minute is cut off, so the clock reads up to a minute less than it is.
        let ahead = local.duration_since(instant).as_secs() + 30;
        let steps = (ahead + STEP / 2).div_euclid(STEP);
        let is_near = (ahead - steps * STEP).abs() <= LAG.as_secs() - 30;
        let seconds = i32::try_from(steps * STEP).ok()?;
        (is_near && seconds.abs() <= 14 * 3_600).then(|| Offset::from_seconds(seconds).ok()).flatten()
    })
}

/// A date as an element shows it: in attributes, in a title, in words.
#[derive(Debug, Default)]
pub(super) struct Dated<'a> {
    exact: Option<&'a str>,
    titles: Vec<&'a str>,
    text: String,
}

impl<'a> Dated<'a> {
    /// Collects what an element says, leaving out what `skip` names.
    pub(super) fn of(element: ElementRef<'a>, skip: &dyn Fn(ElementRef<'_>) -> bool) -> Self {
        let mut dated = Self::default();
        let mut skipping = None;
        for edge in element.traverse().take(400) {
            match edge {
                Edge::Open(node) if skipping.is_none() => {
                    if let Some(inner) = ElementRef::wrap(node) {
                        if skip(inner) || dom::is_hidden(inner) {
                            skipping = Some(node.id());
                        } else {
                            dated.take(inner);
                            if dom::is_apart(inner.value()) {
                                dom::push_words(&mut dated.text, " ");
                            }
                        }
                    } else if let Node::Text(text) = node.value()
                        && dated.text.len() < 300
                    {
                        dom::push_words(&mut dated.text, text);
                    }
                }
                Edge::Close(node) if skipping == Some(node.id()) => skipping = None,
                Edge::Close(node) if node.value().as_element().is_some_and(dom::is_apart) => {
                    dom::push_words(&mut dated.text, " ");
                }
                Edge::Open(_) | Edge::Close(_) => {}
            }
        }
        dated
    }

    fn take(&mut self, element: ElementRef<'a>) {
        self.exact = self.exact.or_else(|| {
            ["datetime", "data-time", "data-timestamp"].into_iter().find_map(|key| dom::attr(element, key))
        });
        if let Some(title) = dom::attr(element, "title").filter(|title| title.bytes().any(|byte| byte.is_ascii_digit()))
            && title.len() <= 80
        {
            self.titles.push(title);
        }
    }

    /// Reads the date by a board's clock.
    pub(super) fn read(&self, clock: &Clock) -> Option<Moment> {
        let exact = self.exact.and_then(|exact| match exact.trim().parse::<i64>() {
            Ok(count) => {
                // Scripts count milliseconds.
                let seconds = if count > 100_000_000_000 { count / 1_000 } else { count };
                let is_plausible = (315_532_800..7_258_118_400).contains(&seconds);
                let at = Timestamp::from_second(seconds).ok().filter(|_| is_plausible)?;
                Some(Moment { at, is_stable: true })
            }
            Err(_) => clock.read(exact),
        });
        exact
            .or_else(|| {
                self.titles
                    .iter()
                    .find_map(|title| clock.read(title).and_then(|_| clock.read_titled(title, &self.text)))
            })
            .or_else(|| clock.read(&self.text))
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn page(fetched_at: &str, date: Option<&str>) -> FetchedPage {
        let url = Url::parse("http://forum.example/").unwrap();
        let headers = date.map(|date| ("date".to_owned(), date.to_owned())).into_iter().collect();
        let fetched_at = fetched_at.parse().unwrap();
        FetchedPage {
            requested: url.clone(),
            url,
            status: 200,
            headers,
            body: Vec::new(),
            fetched_at,
            asked: crate::domain::page::Asked::default(),
        }
    }

    fn survey<'a>(lines: &[&'a str]) -> Survey<'a> {
        Survey { lines: lines.to_vec(), ..Survey::default() }
    }

    #[test]
    fn the_zone_follows_from_an_instant_that_is_also_written_out() {
        for (markup, hours) in [
            ("<time datetime=2026-11-21T20:13:54Z>November 21, 2026, 11:13:54 PM</time>", 3),
            ("<time datetime=2026-11-21T20:13:54+0000 title='Nov 21, 2026 at 3:13 PM'>Yesterday</time>", -5),
            ("<time datetime=2026-11-21T20:13:54>11-21-2026, 11:13 PM</time>", 0),
            ("<time datetime=2026-11-21T20:13:54Z>3 hours ago</time>", 0),
        ] {
            let dom = scraper::Html::parse_fragment(markup);
            let element = dom::named(dom.root_element(), "time").next().unwrap();
            let times = vec![(dom::attr(element, "datetime").unwrap(), element)];
            let survey = Survey { times, ..Survey::default() };
            let clock = of_board(&survey, &page("2026-11-21T20:20:00Z", None), Engine::Smf);
            assert_eq!(clock.offset, Offset::constant(hours), "{markup}");
        }
    }

    #[test]
    fn the_zone_is_stated_or_follows_from_the_printed_clock() {
        for (lines, fetched_at, date, hours, now) in [
            (&["GMT+8, 2026-11-22 04:13"][..], "2026-11-25T11:00:00Z", None, 8, "2026-11-21T20:13:00Z"),
            (&["Current time:", "11-21-2026, 08:13 PM"], "2026-11-21T20:13:54Z", None, 0, "2026-11-21T20:13:54Z"),
            (&["Current time:", "21.11.2026, 23:13"], "2026-11-21T20:13:54Z", None, 3, "2026-11-21T20:13:54Z"),
            (&["Current time:", "11-21-2026, 08:13 PM"], "2026-11-23T02:31:00Z", None, 0, "2026-11-21T20:13:00Z"),
            (
                &["Current time:", "21.11.2026, 23:13"],
                "2026-11-23T02:31:00Z",
                Some("Sat, 21 Nov 2026 20:13:54 GMT"),
                3,
                "2026-11-21T20:13:00Z",
            ),
            (
                &["It is currently 21 Nov 2026, 20:12", "All times are", "UTC"],
                "2026-11-21T20:12:41Z",
                None,
                0,
                "2026-11-21T20:12:41Z",
            ),
            (&["no clock"], "2026-11-21T20:12:41Z", None, 0, "2026-11-21T20:12:41Z"),
        ] {
            let clock = of_board(&survey(lines), &page(fetched_at, date), Engine::Mybb);
            assert_eq!(clock.offset, Offset::constant(hours), "{lines:?}");
            assert_eq!(clock.now, now.parse().unwrap(), "{lines:?}");
        }
    }

    #[test]
    fn a_copy_without_a_date_says_nothing_of_the_zone() {
        let mut copy = page("2026-11-21T23:13:54Z", None);
        copy.headers.push(("content-type".to_owned(), "text/html".to_owned()));
        let clock = of_board(&survey(&["Current time:", "11-21-2026, 08:13 PM"]), &copy, Engine::Mybb);
        assert_eq!(clock.offset, Offset::UTC);
    }

    #[test]
    fn evidence_on_the_page_beats_the_engines_habit() {
        let clock = of_board(&survey(&["21-11-2026, 08:13"]), &page("2026-11-21T20:13:54Z", None), Engine::Mybb);
        assert_eq!(clock.order, DayOrder::DayFirst);
    }
}
