//! What may be shown of what stands behind a case: excerpts with other people's data veiled, and full values for who has said
//! why.
//!
//! Not here: whether somebody may see it (`triage`), exports that hold for themselves (`faces::cli::evidence`).

use std::collections::BTreeMap;

use crate::domain::evidence::excerpt::{Excerpt, excerpt};
use crate::domain::evidence::{Capture, Exhibit, warc};
use crate::domain::secret::Secret;
use crate::domain::text::replay;
use crate::ports::evidence::{Evidence, EvidenceError};
use crate::ports::store::console::Scope;
use crate::ports::store::{Store, StoreError};

/// Bodies that are opened for one page, and the largest of them.
const BODIES: usize = 3;
const BODY_LIMIT_BYTES: u64 = 4 << 20;
/// Excerpts of one body.
const EXCERPTS: usize = 4;
/// Hits whose values are shown at once.
const VALUES: u32 = 400;
/// Hits looked at for a page.
const HITS: u32 = 60;
/// Most bytes that are taken away at once.
const EXPORT_LIMIT_BYTES: u64 = 256 << 20;

/// Why nothing can be shown.
#[derive(Debug, thiserror::Error)]
pub enum DisclosureError {
    /// There is no such case, or the database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The files cannot be used.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The export would be too large for a browser.
    #[error("put {bytes} bytes into one download; use: dyepack evidence export")]
    TooLarge {
        /// How large.
        bytes: u64,
    },
    /// The export cannot be written.
    #[error("write the export")]
    Write(#[source] std::io::Error),
    /// A thread died.
    #[error("read the evidence: the reader died")]
    Died,
}

/// A capture, with excerpts around some of the hits in it.
#[derive(Debug, Clone)]
pub struct Glimpse {
    /// Its id.
    pub id: String,
    /// What was captured.
    pub capture: Capture,
    /// Hits that lie in it, of those looked at.
    pub hits: usize,
    /// Entry, field, the hit in its surroundings, and whether its steps give the value again.
    pub excerpts: Vec<Shown>,
    /// Whether the body could be read as it was written; `None` if it was not opened.
    pub is_whole: Option<bool>,
}

/// A hit in its surroundings.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The entry.
    pub entry: String,
    /// The field.
    pub field: String,
    /// The surroundings, veiled.
    pub excerpt: Excerpt,
    /// Whether its steps, taken again on the captured bytes, give the value.
    pub is_replayed: bool,
}

/// A full value.
#[derive(Debug, Clone)]
pub struct Value {
    /// The entry.
    pub entry: String,
    /// The field.
    pub field: String,
    /// Its mask, as everywhere else.
    pub masked: String,
    /// What was planted, where that is known.
    pub planted: Option<Secret<String>>,
    /// What stood in the captured bytes, where they can be read.
    pub captured: Option<Secret<String>>,
}

/// Returns what was captured of a case, the first captures with excerpts.
///
/// # Errors
/// `Store`, `Died`. A body that cannot be read is told in its glimpse.
pub async fn glimpses(
    (store, evidence): (&Store, &Evidence),
    case: (&Scope, &str),
) -> Result<Vec<Glimpse>, DisclosureError> {
    let (exhibits, captures) = store.first_exhibits(case, HITS).await?;
    let evidence = evidence.clone();
    let made = tokio::task::spawn_blocking(move || glimpse_all(&evidence, &exhibits, &captures)).await;
    made.map_err(|_| DisclosureError::Died)
}

fn glimpse_all(evidence: &Evidence, exhibits: &[Exhibit], captures: &BTreeMap<String, Capture>) -> Vec<Glimpse> {
    let mut glimpses: Vec<Glimpse> = Vec::new();
    let mut opened = 0;
    for exhibit in exhibits {
        if glimpses.iter().any(|glimpse| glimpse.id == exhibit.capture) {
            continue;
        }
        let Some(capture) = captures.get(&exhibit.capture) else { continue };
        let own: Vec<&Exhibit> = exhibits.iter().filter(|other| other.capture == exhibit.capture).collect();
        let is_opened = opened < BODIES && capture.body_bytes <= BODY_LIMIT_BYTES;
        let body = is_opened.then(|| evidence.open(&capture.body_sha256).ok());
        opened += usize::from(is_opened);
        glimpses.push(Glimpse {
            id: exhibit.capture.clone(),
            hits: own.len(),
            is_whole: body.as_ref().map(Option::is_some),
            excerpts: body.flatten().map_or_else(Vec::new, |body| excerpts(&body, capture, &own)),
            capture: capture.clone(),
        });
    }
    glimpses
}

/// One excerpt for hits that lie close together.
fn excerpts(body: &[u8], capture: &Capture, exhibits: &[&Exhibit]) -> Vec<Shown> {
    const CLOSE_BYTES: u64 = 700;
    let mut in_order: Vec<&&Exhibit> = exhibits.iter().filter(|exhibit| exhibit.member.is_empty()).collect();
    in_order.sort_by_key(|exhibit| exhibit.span.start);
    let (mut shown, mut last_end) = (Vec::new(), None::<u64>);
    for exhibit in in_order {
        if shown.len() == EXCERPTS || last_end.is_some_and(|end| exhibit.span.start < end + CLOSE_BYTES) {
            continue;
        }
        last_end = Some(exhibit.span.end);
        shown.push(Shown {
            entry: exhibit.entry.clone(),
            field: exhibit.field.clone(),
            excerpt: excerpt(body, charset(capture), exhibit.span, &exhibit.masked),
            is_replayed: replay(body, exhibit.span, &exhibit.steps).is_some(),
        });
    }
    shown
}

fn charset(capture: &Capture) -> Option<&str> {
    let parameters = capture.content_type()?.split(';').skip(1);
    let mut charsets = parameters.filter_map(|parameter| parameter.trim().strip_prefix("charset="));
    charsets.next().map(|charset| charset.trim_matches('"'))
}

/// Returns the full values of a case's first hits, one a field of an entry. Whoever calls has noted in the audit log who asked
/// and why.
///
/// # Errors
/// `Store`, `Died`. What cannot be read from the captured bytes is left out.
pub async fn values(
    (store, evidence): (&Store, &Evidence),
    case: (&Scope, &str),
) -> Result<Vec<Value>, DisclosureError> {
    let (mut exhibits, captures) = store.first_exhibits(case, VALUES).await?;
    exhibits.sort_by(|one, other| (&one.entry, &one.field, &one.hit).cmp(&(&other.entry, &other.field, &other.hit)));
    exhibits.dedup_by(|one, other| (&one.entry, &one.field) == (&other.entry, &other.field));
    let mut names: Vec<String> = exhibits.iter().map(|exhibit| exhibit.entry.clone()).collect();
    names.dedup();
    let mut planted = store.planted_values(case, &names).await?;
    let evidence = evidence.clone();
    let read = tokio::task::spawn_blocking(move || captured(&evidence, &exhibits, &captures)).await;
    let mut values = read.map_err(|_| DisclosureError::Died)?;
    for value in &mut values {
        value.planted = planted.remove(&(value.entry.clone(), value.field.clone()));
    }
    Ok(values)
}

fn captured(evidence: &Evidence, exhibits: &[Exhibit], captures: &BTreeMap<String, Capture>) -> Vec<Value> {
    let mut bodies: BTreeMap<&str, Option<Vec<u8>>> = BTreeMap::new();
    let mut values = Vec::with_capacity(exhibits.len());
    for exhibit in exhibits {
        let is_readable = |capture: &&Capture| exhibit.member.is_empty() && capture.body_bytes <= BODY_LIMIT_BYTES;
        let capture = captures.get(&exhibit.capture).filter(is_readable);
        let body = match capture {
            Some(capture) => {
                let opened = bodies.entry(&capture.body_sha256);
                opened.or_insert_with(|| evidence.open(&capture.body_sha256).ok()).as_deref()
            }
            None => None,
        };
        values.push(Value {
            entry: exhibit.entry.clone(),
            field: exhibit.field.clone(),
            masked: exhibit.masked.clone(),
            planted: None,
            captured: body.and_then(|body| replay(body, exhibit.span, &exhibit.steps)).map(Secret::new),
        });
    }
    values
}

/// Writes everything that was captured of a case as WARC 1.1, compressed. It holds pages as they were published, other people's
/// data included: whoever calls has noted in the audit log who takes it away and why.
///
/// # Errors
/// `TooLarge` for a browser; `Store`, `Evidence`, `Write`, `Died`.
pub async fn warc_of(
    (store, evidence): (&Store, &Evidence),
    (scope, id): (&Scope, &str),
) -> Result<Vec<u8>, DisclosureError> {
    let Some((id, _)) = store.find_case(scope, id).await? else {
        return Err(StoreError::NoSuchCase { id: id.to_owned() }.into());
    };
    let (_, captures) = store.exhibits(&id).await?;
    let bytes = captures.iter().map(|capture| capture.body_bytes).sum();
    if bytes > EXPORT_LIMIT_BYTES {
        return Err(DisclosureError::TooLarge { bytes });
    }
    let evidence = evidence.clone();
    let written = tokio::task::spawn_blocking(move || write_warc(&evidence, &captures, &id)).await;
    written.map_err(|_| DisclosureError::Died)?
}

fn write_warc(evidence: &Evidence, captures: &[Capture], id: &str) -> Result<Vec<u8>, DisclosureError> {
    let fields = [
        ("software", concat!("dyepack/", env!("CARGO_PKG_VERSION"))),
        ("format", "WARC File Format 1.1"),
        ("conformsTo", "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/"),
        ("description", id),
    ];
    let date = captures.iter().map(|capture| capture.fetched_at).max().unwrap_or_default();
    let date = date.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut writer = warc::Writer::begin(Vec::new(), &date, &fields).map_err(DisclosureError::Write)?;
    for capture in captures {
        let body = evidence.open(&capture.body_sha256)?;
        writer.capture(capture, &body).map_err(DisclosureError::Write)?;
    }
    Ok(writer.finish())
}
