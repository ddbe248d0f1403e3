//! The signed head of each day: made at the first look of the day, mailed to the auditors, stamped by an authority.
//!
//! Nothing here blocks anything: an authority that is down is asked again, later each time, for as long as it takes.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::sleep;
use url::Url;

use super::CustodyError;
use crate::domain::evidence::head::{self, Head};
use crate::domain::evidence::ledger::sha256_bytes;
use crate::domain::evidence::timestamp;
use crate::ports::clock::Clock;
use crate::ports::fetch::Fetcher;
use crate::ports::signing::{Signer, base64};
use crate::ports::store::{HeadRow, Store, StoreError};

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Wait after the first time that an authority was asked in vain; twice as long each time after.
const STAMP_RETRY: SignedDuration = SignedDuration::from_mins(1);
/// Longest wait.
const STAMP_RETRY_LIMIT: SignedDuration = SignedDuration::from_hours(6);

/// The outside world, as far as heads need it; cheap to clone.
#[derive(Debug, Clone)]
pub struct Ports {
    /// The ledger.
    pub store: Store,
    /// The key that signs.
    pub signer: Signer,
    /// The way to the authority.
    pub fetcher: Fetcher,
    /// The time.
    pub clock: Clock,
}

/// Who is told, and who stamps.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The operator's address: told for organizations that name no auditor.
    pub operator: Option<String>,
    /// The time-stamping authority, if there is one.
    pub authority: Option<Url>,
}

/// What a look did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// Whether the day's head was signed by it.
    pub is_signed: bool,
    /// Heads that were stamped.
    pub stamped: u64,
    /// Heads of which the authority was asked in vain.
    pub unstamped: u64,
}

/// Signs and stamps for as long as it is polled; a database that fails is tried again at the next look.
pub async fn run(ports: Ports, options: Options) -> Infallible {
    loop {
        if let Err(error) = look(&ports, &options).await {
            tracing::warn!(%error, "the day's head cannot be signed; trying again");
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Signs the day's head if there is none yet, and asks the authority for every stamp that is due.
///
/// # Errors
/// When the database fails; nothing is lost then.
pub async fn look(ports: &Ports, options: &Options) -> Result<Looked, CustodyError> {
    let mut looked = Looked { is_signed: sign(ports, options).await?, ..Looked::default() };
    let Some(authority) = &options.authority else { return Ok(looked) };
    let now = ports.clock.now();
    ports.store.want_stamps(now).await?;
    for row in ports.store.heads_to_stamp(now).await? {
        match stamp(&ports.fetcher, authority, row.document.as_bytes()).await {
            Ok((answer, at)) => {
                ports.store.keep_stamp(&row.day, (&answer, at), ports.clock.now()).await?;
                looked.stamped += 1;
            }
            Err(reason) => {
                let doubled = STAMP_RETRY.as_secs().saturating_mul(1 << row.stamp_attempts.min(20));
                let wait = SignedDuration::from_secs(doubled).min(STAMP_RETRY_LIMIT);
                let retry_at = now.checked_add(wait).unwrap_or(Timestamp::MAX);
                tracing::warn!(day = row.day, "the head is not stamped yet: {reason}; asking again");
                ports.store.stamp_failed(&row.day, &reason, retry_at).await?;
                looked.unstamped += 1;
                // The others wait for the same authority.
                break;
            }
        }
    }
    Ok(looked)
}

async fn sign(ports: &Ports, options: &Options) -> Result<bool, CustodyError> {
    let now = ports.clock.now();
    // To the second, as it is written.
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let day = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let (number, hash) = ports.store.ledger_head().await?;
    if number == 0 || ports.store.has_head(&day.to_string()).await? {
        return Ok(false);
    }
    let previous = ports.store.newest_head().await?;
    let key = ports.signer.public_key();
    let head = Head {
        day,
        signed_at: now,
        rows: u64::try_from(number).unwrap_or(0),
        hash,
        counts: ports.store.ledger_counts(number).await?,
        previous: previous.map(|previous| head::digest(&previous.document)),
        key: key.fingerprint(),
    };
    let document = head.text();
    let row = HeadRow {
        day: day.to_string(),
        number,
        signed_at: now,
        signature: base64(&ports.signer.sign(document.as_bytes())),
        document,
        public_key: key.pem(),
        stamp: None,
        stamp_due_at: options.authority.as_ref().map(|_| now),
        stamp_attempts: 0,
        stamp_error: None,
    };
    let recipients = recipients(&ports.store, options).await?;
    Ok(ports.store.record_head(&row, &recipients, now).await?)
}

/// Every organization's auditor; the operator in place of those that name none.
async fn recipients(store: &Store, options: &Options) -> Result<Vec<String>, StoreError> {
    let auditors: Vec<Option<String>> =
        store.watchlists().await?.into_iter().map(|watchlist| watchlist.organization.auditor).collect();
    let is_anybody_without = auditors.is_empty() || auditors.contains(&None);
    let operator = options.operator.clone().filter(|_| is_anybody_without);
    let recipients: BTreeSet<String> = auditors.into_iter().flatten().chain(operator).collect();
    Ok(recipients.into_iter().collect())
}

/// Has an authority stamp a document; returns its answer, checked against the request, and when it says the document was
/// there.
///
/// # Errors
/// A reason for people.
pub async fn stamp(fetcher: &Fetcher, authority: &Url, document: &[u8]) -> Result<(Vec<u8>, Timestamp), String> {
    let digest = sha256_bytes(document);
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce).map_err(|_| "the operating system gives no random numbers".to_owned())?;
    let query = timestamp::query(&digest, &nonce);
    let asked = fetcher.ask_authority(authority, (timestamp::QUERY_TYPE, query)).await;
    let answer = asked.map_err(|error| error.to_string())?;
    let at = timestamp::check(&answer, &digest, Some(&nonce)).map_err(|fault| format!("what it answered: {fault}"))?;
    Ok((answer, at))
}
