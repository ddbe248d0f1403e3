//! Keeps watch over the watch itself: judges sources, networks, disk and drills, and tells the operator, by mail and by a
//! webhook of his own, once when something is no longer well and once when it is well again.
//!
//! Not here: what counts as unwell (`domain::health`), the alerts to organizations (`alerting`).

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};
use url::Url;

use crate::domain::alert::AlertMail;
use crate::domain::alert::retry::{Eagerness, delay};
use crate::domain::escape;
use crate::domain::health::{Alarm, Disk, DrillPast, Situation, alarms};
use crate::domain::secret::Secret;
use crate::ports::clock::Clock;
use crate::ports::disk;
use crate::ports::fetch::{Hooks, POST_LIMIT, Post};
use crate::ports::mail::{Accepted, Mailer};
use crate::ports::store::{OperatorMail, OperatorWay, Recipients, Store, StoreError, Turned};

/// Least time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// A look that takes long is not repeated before so many times its own length: it costs a fiftieth of one core at most.
const LOOK_SHARE: u32 = 50;
/// Time between two tidyings of the history.
const TIDY_EVERY: SignedDuration = SignedDuration::from_hours(24);
/// An alert that has been tried in vain for so long is told of.
const LATE_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// Mails sent in one go.
const MAILS_AT_ONCE: usize = 20;

/// The outside world, as far as it is needed; cheap to clone.
#[derive(Debug, Clone)]
pub struct Ports {
    /// History and outbox.
    pub store: Store,
    /// The way out; without it alarms are on record only.
    pub mailer: Option<Mailer>,
    /// The way to the operator's webhook.
    pub hooks: Hooks,
    /// The time.
    pub clock: Clock,
}

/// Where the operator is told; on record only without either.
#[derive(Debug, Clone, Default)]
pub struct Operator {
    /// A mail address.
    pub mail: Option<String>,
    /// A webhook that takes `{"text": …}`, as those of Slack, Mattermost and Teams do. Its address is a secret.
    pub hook: Option<Secret<Url>>,
}

/// What is watched, and who is told.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of this worker, for its leases.
    pub worker: String,
    /// Where the operator is told.
    pub operator: Operator,
    /// Where things are kept.
    pub folder: PathBuf,
    /// Bytes that the folder may take; as much as the disk has if `None`.
    pub budget_bytes: Option<u64>,
    /// Time between two drills, and since when they run; `None` if there are none.
    pub drills: Option<(Duration, Timestamp)>,
}

/// Keeps watch for as long as it is polled; a failing database or mail server is tried again at the next look.
pub async fn run(ports: Ports, options: Options) -> Infallible {
    let mut tidied_at = Timestamp::UNIX_EPOCH;
    loop {
        let (now, began_at) = (ports.clock.now(), Instant::now());
        if let Err(error) = look(&ports, &options).await {
            tracing::warn!(%error, "the watch cannot see how things stand; looking again");
        }
        if now.duration_since(tidied_at) >= TIDY_EVERY && ports.store.forget_history(now).await.is_ok() {
            tidied_at = now;
        }
        sleep(LOOK_EVERY.max(began_at.elapsed() * LOOK_SHARE)).await;
    }
}

/// Judges everything now, puts what has changed on record, and sends what is to be told.
///
/// # Errors
/// When the database fails; nothing is lost then.
pub async fn look(ports: &Ports, options: &Options) -> Result<Turned, StoreError> {
    let now = ports.clock.now();
    let found = judge(&ports.store, options, now).await?.1;
    let operator = &options.operator;
    let recipients = Recipients { mail: operator.mail.as_deref(), hook: operator.hook.is_some() };
    let turned = ports.store.settle_alarms(&found, &recipients, now).await?;
    if turned.onsets > 0 {
        tracing::warn!(alarms = turned.onsets, "something is no longer well; see: dyepack health");
    }
    deliver(ports, options).await?;
    Ok(turned)
}

/// Returns how everything stands, and what of it is not well; changes nothing.
///
/// # Errors
/// When the database fails.
pub async fn judge(store: &Store, options: &Options, now: Timestamp) -> Result<(Situation, Vec<Alarm>), StoreError> {
    let (folder, budget) = (options.folder.clone(), options.budget_bytes);
    let room = tokio::task::spawn_blocking(move || disk::room_within(&folder, budget)).await.ok().and_then(Result::ok);
    let last = store.last_drills().await?;
    let situation = Situation {
        sources: store.source_pasts(now).await?,
        lanes_down: store.lanes_down().await?,
        undelivered: store.undelivered(now.checked_sub(LATE_AFTER).unwrap_or(Timestamp::MIN)).await?,
        disk: room.map(|room| Disk {
            folder: options.folder.display().to_string(),
            free_bytes: room.free_bytes,
            size_bytes: room.size_bytes,
            is_budget: budget.is_some_and(|budget| budget == room.size_bytes),
        }),
        drill: options.drills.map(|(every, since)| DrillPast {
            every: SignedDuration::try_from(every).unwrap_or(SignedDuration::MAX),
            since: Some(since),
            last,
        }),
    };
    let found = alarms(&situation, now);
    Ok((situation, found))
}

/// Sends what the operator is to be told and is due, by each way that there is: one that is shut keeps nothing from the other.
async fn deliver(ports: &Ports, options: &Options) -> Result<(), StoreError> {
    if let Some(mailer) = &ports.mailer {
        deliver_by(&Way::Mail(mailer), ports, options).await?;
    }
    if let Some(url) = &options.operator.hook {
        deliver_by(&Way::Hook(&ports.hooks, url.reveal()), ports, options).await?;
    }
    Ok(())
}

/// A way to the operator.
enum Way<'a> {
    Mail(&'a Mailer),
    Hook(&'a Hooks, &'a Url),
}

impl Way<'_> {
    const fn kind(&self) -> OperatorWay {
        match self {
            Self::Mail(_) => OperatorWay::Mail,
            Self::Hook(..) => OperatorWay::Hook,
        }
    }

    /// Longest time that one attempt may take.
    fn longest_attempt(&self) -> Duration {
        match self {
            Self::Mail(mailer) => mailer.longest_attempt(),
            Self::Hook(..) => POST_LIMIT,
        }
    }

    /// Makes one attempt; an error says why it failed, and whether for good.
    async fn send(&self, mail: &OperatorMail) -> Result<Option<Accepted>, (String, bool)> {
        match self {
            Self::Mail(mailer) => {
                let message = mailer.render(&written(mail)).map_err(|error| (format!("cannot {error}"), true))?;
                let sent = mailer.send(&mail.recipient, &message).await;
                sent.map(Some).map_err(|error| (error.to_string(), error.is_permanent()))
            }
            Self::Hook(hooks, url) => {
                let body = serde_json::json!({ "text": format!("{}\n\n{}", mail.subject, mail.body) }).to_string();
                let sent = hooks.post(&Post { url, headers: &[], body: body.as_bytes(), ca: None }).await;
                sent.map(|_| None).map_err(|error| (error.to_string(), error.is_permanent()))
            }
        }
    }
}

async fn deliver_by(way: &Way<'_>, ports: &Ports, options: &Options) -> Result<(), StoreError> {
    let lease = way.longest_attempt() * 2;
    for _ in 0..MAILS_AT_ONCE {
        let claimed = ports.store.claim_operator_mail(way.kind(), &options.worker, lease, ports.clock.now()).await?;
        let Some(mail) = claimed else { return Ok(()) };
        let tried = way.send(&mail).await;
        let now = ports.clock.now();
        match tried {
            Ok(accepted) => {
                ports.store.operator_mail_sent(&mail, now).await?;
                if let Some(accepted) = accepted {
                    accepted.close().await;
                }
            }
            Err((reason, is_permanent)) => {
                let is_local = matches!(way, Way::Mail(mailer) if mailer.is_local());
                let eagerness = if is_local { Eagerness::Quick } else { Eagerness::Patient };
                let wait = delay(eagerness, mail.attempts.saturating_add(1), &mail.id).filter(|_| !is_permanent);
                let retry_at = wait.and_then(|wait| now.checked_add(wait).ok());
                tracing::warn!(
                    mail = mail.id,
                    is_given_up = retry_at.is_none(),
                    "the operator could not be told: {reason}"
                );
                ports.store.operator_mail_failed(&mail, &reason, retry_at).await?;
            }
        }
    }
    Ok(())
}

fn written(mail: &OperatorMail) -> AlertMail {
    let escaped = escape::html(&mail.body);
    AlertMail {
        to: mail.recipient.clone(),
        subject: mail.subject.clone(),
        text: mail.body.clone(),
        html: format!(
            "<!doctype html><html lang=\"en\"><body><pre style=\"white-space:pre-wrap\">{escaped}</pre></body></html>\n"
        ),
        message_id: mail.message_id.clone(),
        thread_root: mail.thread_root.clone(),
        date: mail.created_at,
        language_tag: "en".to_owned(),
        headers: vec![("Auto-Submitted".to_owned(), "auto-generated".to_owned())],
        sealed: None,
    }
}
