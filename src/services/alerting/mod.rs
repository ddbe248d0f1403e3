//! Sends what the outbox holds, once each.
//!
//! One alert at a time: lease it, write and freeze its mail, hand it over, note that it is sent right after the server's
//! 250. A process killed anywhere in between leaves a lease that runs out, and the next one sends the same bytes under
//! the same Message-ID. Not here: which alerts there are (`ports::store`), what a mail says (`domain::alert`).

mod asking;
mod channels;
mod facts;
mod holding;

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use url::Url;

use crate::domain::alert::retry::{Eagerness, delay};
use crate::ports::clock::Clock;
use crate::ports::fetch::{Hooks, POST_LIMIT};
use crate::ports::mail::Mailer;
use crate::ports::store::model::AlertClaim;
use crate::ports::store::{Store, StoreError};
use crate::ports::vault::Vault;

use channels::Undelivered;

pub use asking::ask_next;
pub use channels::test_channel;

/// How long the outbox is left alone when nothing is due: alerts may be queued by other processes at any time.
const LOOK_AGAIN_LOCAL: Duration = Duration::from_millis(250);
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// After a failure of the database.
const STORE_PAUSE: Duration = Duration::from_secs(2);
/// Time for everything of an attempt but the talk with the server; what takes longer is claimed anew.
const MARGIN: Duration = Duration::from_secs(2);
/// Longest attempt by another way than mail.
const LONGEST_POST: Duration = POST_LIMIT;
/// How long a stop waits for the attempt under way.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// Tries at noting that a mail is sent; each failure risks sending it twice.
const NOTE_TRIES: u32 = 5;

/// The outside world, as far as alerting needs it; cheap to clone.
#[derive(Debug, Clone)]
pub struct Ports {
    /// The outbox.
    pub store: Store,
    /// Files of fingerprints: who was given which record.
    pub vault: Vault,
    /// The way out.
    pub mailer: Mailer,
    /// The time.
    pub clock: Clock,
    /// Where the web pages are reached that links of mails lead to; without it mails have none.
    pub links: Option<Url>,
    /// The way to webhooks and chats.
    pub hooks: Hooks,
}

/// How alerting runs.
#[derive(Debug, Clone)]
pub struct AlertingOptions {
    /// Name of this worker, for its leases; no two that run may share one.
    pub worker: String,
    /// When it ends.
    pub until: Until,
}

/// When alerting ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When it is told to stop.
    Stopped,
    /// When everything queued is sent or given up, or when patience runs out; settling is over at once.
    Delivered {
        /// Longest time to try.
        patience: Duration,
    },
}

/// What alerting did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Mails that the transport took.
    pub sent: u64,
    /// Attempts that failed and will be repeated.
    pub postponed: u64,
    /// Alerts given up.
    pub dead: u64,
    /// Alerts still to be sent when it ended.
    pub pending: u64,
}

/// How one look at the outbox went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing is due.
    Idle,
    /// A mail was handed over.
    Sent,
    /// An attempt failed and will be repeated.
    Postponed,
    /// An alert was given up.
    Dead,
    /// The case changed while its mail was written; the alert is free again.
    Overtaken,
    /// It is to wait for a later hour, or is not needed any more.
    Held,
}

/// Sends alerts until told to stop or until all are delivered.
///
/// A failing mail server only postpones alerts. A failing database is tried again; with [`Until::Delivered`] for as long
/// as patience lasts.
///
/// # Errors
/// The database's last failure, if it lasted to the end of patience.
pub async fn run(
    ports: Ports,
    options: AlertingOptions,
    mut stop: watch::Receiver<bool>,
) -> Result<Summary, StoreError> {
    let started_at = ports.clock.now();
    if let Until::Delivered { .. } = options.until {
        ports.store.hurry_alerts(started_at).await?;
    }
    let mut summary = Summary::default();
    while !*stop.borrow() {
        let outcome = tokio::select! {
            outcome = deliver_next(&ports, &options) => outcome,
            // The attempt under way is dropped: its lease runs out, and the mail goes out later.
            () = told_and_waited(&mut stop) => break,
        };
        let pause = match &outcome {
            Ok(Step::Idle) => match ask_next(&ports).await {
                Ok(true) => Duration::ZERO,
                Ok(false) | Err(_) => idle_pause(&ports).await,
            },
            Ok(done @ (Step::Sent | Step::Postponed | Step::Dead | Step::Overtaken | Step::Held)) => {
                summary.count(done);
                Duration::ZERO
            }
            Err(error) => {
                tracing::warn!(%error, "the outbox cannot be used; trying again");
                STORE_PAUSE
            }
        };
        if is_over(&ports, options.until, started_at).await {
            outcome?;
            break;
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = told(&mut stop) => {}
        }
    }
    summary.pending = ports.store.pending_alerts(ports.clock.now()).await?;
    Ok(summary)
}

/// Takes the next alert that is due, if any, and makes one attempt at it.
///
/// # Errors
/// When the database fails; nothing is lost then, the lease runs out by itself.
pub async fn deliver_next(ports: &Ports, options: &AlertingOptions) -> Result<Step, StoreError> {
    let claimed_at = ports.clock.now();
    let lease = ports.mailer.longest_attempt().max(LONGEST_POST) + MARGIN * 2;
    let Some(claim) = ports.store.claim_alerts(&options.worker, 1, lease, claimed_at).await?.pop() else {
        return Ok(Step::Idle);
    };
    if claim.frozen.is_none() && holding::is_held(ports, &claim, claimed_at).await? {
        return Ok(Step::Held);
    }
    let message = match frozen(ports, &claim).await {
        Ok(message) => message,
        Err(Unwritten::Store(StoreError::LostLease)) => return Ok(Step::Overtaken),
        Err(Unwritten::Store(error)) => return Err(error),
        Err(Unwritten::Never(reason)) => return give_up(ports, &claim, &reason, "unwritable").await,
    };
    if ports.clock.now().duration_since(claimed_at).unsigned_abs() > MARGIN {
        // Too late to be sure that the lease outlives the attempt; the mail is frozen, the next claim is quick.
        ports.store.release_alerts(std::slice::from_ref(&claim)).await?;
        return Ok(Step::Overtaken);
    }
    match channels::send(ports, &claim, &message).await {
        Ok(accepted) => {
            note_sent(ports, &claim).await?;
            tracing::info!(alert = claim.id, case = claim.case, tries = claim.attempts + 1, "alert sent");
            if let Some(accepted) = accepted {
                accepted.close().await;
            }
            Ok(Step::Sent)
        }
        Err(error) if error.is_permanent() => give_up(ports, &claim, &error.to_string(), error.class()).await,
        Err(error) => postpone(ports, options, &claim, &error).await,
    }
}

/// Why there is no mail to send.
enum Unwritten {
    Store(StoreError),
    /// It can never be written; the reason is for people.
    Never(String),
}

impl From<StoreError> for Unwritten {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Returns the mail's bytes: those frozen on an earlier try, else freshly written and frozen now.
async fn frozen(ports: &Ports, claim: &AlertClaim) -> Result<Vec<u8>, Unwritten> {
    if let Some(message) = &claim.frozen {
        return Ok(message.clone());
    }
    let now = ports.clock.now();
    let gone = || Unwritten::Never(format!("the case {} is no longer on record", claim.case));
    if let Some(channel) = &claim.channel {
        let payload = channels::payload(ports, claim, channel).await?.ok_or_else(gone)?;
        ports.store.freeze_alert(claim, &[], payload.as_bytes(), now).await?;
        return Ok(payload.into_bytes());
    }
    let others = if claim.gathers { ports.store.gathered_alerts(claim, now).await? } else { Vec::new() };
    let mail = facts::mail(ports, claim, &others, now).await?.ok_or_else(gone)?;
    let message = ports.mailer.render(&mail).map_err(|error| Unwritten::Never(format!("cannot {error}")))?;
    ports.store.freeze_alert(claim, &others, &message, now).await?;
    Ok(message)
}

async fn note_sent(ports: &Ports, claim: &AlertClaim) -> Result<(), StoreError> {
    let mut tries = 1;
    loop {
        match ports.store.alert_sent(claim, ports.clock.now()).await {
            Err(error) if tries < NOTE_TRIES => {
                tracing::warn!(alert = claim.id, %error, "cannot note that an alert is sent; trying again");
                tries += 1;
                sleep(LOOK_AGAIN_LOCAL).await;
            }
            outcome => return outcome,
        }
    }
}

async fn give_up(ports: &Ports, claim: &AlertClaim, reason: &str, class: &str) -> Result<Step, StoreError> {
    ports.store.alert_failed(claim, (reason, class), None).await?;
    tracing::error!(alert = claim.id, case = claim.case, class, "alert given up; see: dyepack alert list");
    Ok(Step::Dead)
}

async fn postpone(
    ports: &Ports,
    options: &AlertingOptions,
    claim: &AlertClaim,
    error: &Undelivered,
) -> Result<Step, StoreError> {
    let is_quick = ports.mailer.is_local() || options.until != Until::Stopped;
    let eagerness = if is_quick { Eagerness::Quick } else { Eagerness::Patient };
    let failed = claim.attempts.saturating_add(1);
    let Some(wait) = delay(eagerness, failed, &claim.id) else {
        let reason = format!("given up after {failed} tries; the last one: {error}");
        return give_up(ports, claim, &reason, error.class()).await;
    };
    let retry_at = ports.clock.now().checked_add(wait).unwrap_or(Timestamp::MAX);
    ports.store.alert_failed(claim, (&error.to_string(), error.class()), Some(retry_at)).await?;
    tracing::warn!(
        alert = claim.id,
        class = error.class(),
        tries = failed,
        wait_seconds = wait.as_secs(),
        "alert not sent; will be tried again"
    );
    Ok(Step::Postponed)
}

async fn idle_pause(ports: &Ports) -> Duration {
    let look_again = if ports.mailer.is_local() { LOOK_AGAIN_LOCAL } else { LOOK_AGAIN };
    let due = ports.store.next_alert_due().await.ok().flatten();
    let until_due = due.and_then(|due| Duration::try_from(due.duration_since(ports.clock.now())).ok());
    // A moment at least: what is due but leased elsewhere must not be asked for in a spin.
    until_due.map_or(look_again, |until_due| until_due.clamp(Duration::from_millis(20), look_again))
}

async fn is_over(ports: &Ports, until: Until, started_at: Timestamp) -> bool {
    match until {
        Until::Stopped => false,
        Until::Delivered { patience } => {
            let is_patience_over = ports.clock.now().duration_since(started_at).unsigned_abs() >= patience;
            is_patience_over || matches!(ports.store.pending_alerts(ports.clock.now()).await, Ok(0))
        }
    }
}

/// Resolves when the stop is asked for; never, if nobody is left to ask.
async fn told(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|is_asked| *is_asked).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Resolves a while after the stop is asked for, so that an attempt under way can end well.
async fn told_and_waited(stop: &mut watch::Receiver<bool>) {
    told(stop).await;
    drop(timeout(LAST_WORDS, std::future::pending::<()>()).await);
}

impl Summary {
    const fn count(&mut self, step: &Step) {
        match step {
            Step::Sent => self.sent += 1,
            Step::Postponed => self.postponed += 1,
            Step::Dead => self.dead += 1,
            Step::Idle | Step::Overtaken | Step::Held => {}
        }
    }
}
