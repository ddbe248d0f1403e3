//! `alert`: what was mailed and what waits; whether mail arrives at all.

use anyhow::Context as _;
use serde::Serialize;

use super::context::Context;
use super::output::Format;
use super::{Exit, Failure, source};

use crate::domain::alert::{Addressing, AlertReason, compose_test};
use crate::domain::watchlist::{Language, OrganizationId};
use crate::ports::fetch::Hooks;
use crate::ports::mail::{MailOptions, Mailer};
use crate::ports::store::Store;
use crate::ports::store::model::{AlertFilter, AlertRow, AlertState};
use crate::services::alerting;

/// Shows what was mailed and what waits, and tries whether mail arrives
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dyepack alert list
  dyepack alert list --organization example-bank --format json
  dyepack alert test --to soc@example-bank.example")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Lists alerts, the newest first: whom they go to, where they stand, what went wrong
    #[command(after_help = "\
Example:\n  dyepack alert list --format json\n\n\
States: queued (also: held for quiet hours or the day's mail, or until nobody has acknowledged in time), \
waiting_for_contact (the organization has no confirmed contact), sent, dead (given up; see its error), dropped (overtaken by \
another, acknowledged in time, or not meant for that channel).\n\nExit codes: 0 done, 1 an alert is dead, 3 the store cannot be opened.")]
    List {
        /// Only this organization's
        #[arg(long, value_name = "ID")]
        organization: Option<String>,
    },
    /// Queues anew what was given up, once its cause is mended: the same message, under the same Message-ID
    #[command(
        after_help = "Examples:\n  dyepack alert retry A-7F3K9Q2M5T6V8W1X\n  dyepack alert retry --all\n\nA running crawl sends it, or the next one."
    )]
    Retry {
        /// The alert; see: dyepack alert list
        #[arg(value_name = "ALERT", required_unless_present = "all")]
        alert: Option<String>,
        /// All that were given up
        #[arg(long, conflicts_with = "alert")]
        all: bool,
    },
    /// Sends a harmless mail through the configured mail server and says what happened
    #[command(after_help = "\
Examples:\n  dyepack alert test --to soc@example-bank.example\n  dyepack alert test --organization example-bank\n  \
dyepack alert test --to me@localhost --mail smtp://127.0.0.1:2525\n\n\
Exit codes: 0 the mail server took it, 2 wrong use or settings, 3 it did not.")]
    Test {
        /// Send to this address
        #[arg(long, value_name = "ADDRESS", required_unless_present = "organization")]
        to: Option<String>,
        /// Send to this organization's confirmed contacts, in its language, and by its channels
        #[arg(long, value_name = "ID", conflicts_with = "to")]
        organization: Option<String>,
        /// Where mail goes, instead of `[mail] url`
        #[arg(long, value_name = "URL")]
        mail: Option<String>,
    },
}

/// How one test mail went, as scripts read it.
#[derive(Debug, Serialize)]
struct Trial<'a> {
    to: &'a str,
    ok: bool,
    detail: &'a str,
}

/// Runs `alert`.
pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    match &args.action {
        Action::List { organization } => list(organization.as_deref(), context).await,
        Action::Retry { alert, all: _ } => {
            let store = context.open_store().await?;
            let queued =
                store.retry_alerts(alert.as_deref(), context.clock.now()).await.context("cannot queue it anew")?;
            match alert {
                Some(alert) if queued == 0 => {
                    let advice = format!("{alert} is none that was given up; see: dyepack alert list");
                    Err(Failure::Usage(advice).into())
                }
                Some(_) | None => {
                    context.output.line(format_args!("{queued} queued anew"))?;
                    Ok(Exit::Done)
                }
            }
        }
        Action::Test { to, organization, mail } => {
            let mailer = mailer(mail.as_deref(), context).await?.ok_or_else(|| {
                let advice =
                    "mail is not set up: set url under [mail] in the configuration, or give --mail smtp://HOST:PORT";
                Failure::Usage(advice.to_owned())
            })?;
            let (to, language) = match (to, organization) {
                (Some(to), _) => (vec![to.clone()], Language::En),
                (None, Some(organization)) => contacts(organization, context).await?,
                (None, None) => return Err(Failure::Usage("give --to or --organization".to_owned()).into()),
            };
            let tried = test(&mailer, &to, language, context).await;
            match organization {
                Some(organization) => tried.and(test_channels(organization, mailer, context).await),
                None => tried,
            }
        }
    }
}

/// Prepares the way out for mail: `url` if given, else what the configuration names; `None` if neither does.
///
/// # Errors
/// `Failure::Usage` says which setting cannot work and how to mend it.
pub(super) async fn mailer(url: Option<&str>, context: &Context) -> anyhow::Result<Option<Mailer>> {
    let config = &context.config.mail;
    let Some(text) = url.or(config.url.as_deref()) else { return Ok(None) };
    let options = MailOptions {
        url: text.parse().map_err(|error| Failure::Usage(format!("cannot send mail: {error}")))?,
        from: config.from.clone(),
        user: config.user.clone(),
        password: config.password.clone(),
        dkim: config.dkim.clone(),
        patience: None,
    };
    let mailer = Mailer::new(options).await.map_err(|error| Failure::Usage(format!("cannot {error}")))?;
    Ok(Some(mailer))
}

/// Puts together what alerting needs.
pub(super) fn ports(store: &Store, mailer: Mailer, context: &Context) -> alerting::Ports {
    let (vault, clock) = (context.vault(), context.clock.clone());
    let (links, hooks) = (context.config.console.url.clone(), hooks(context));
    alerting::Ports { store: store.clone(), vault, mailer, clock, links, hooks }
}

/// The way to webhooks.
pub(super) fn hooks(context: &Context) -> Hooks {
    Hooks::new(&source::fetch_options(context), context.config.alert.private_hosts.clone())
}

async fn contacts(organization: &str, context: &Context) -> anyhow::Result<(Vec<String>, Language)> {
    let store = context.open_store().await?;
    let id = OrganizationId(organization.to_owned());
    let watchlist = store.watchlist(&id).await.context("cannot read the watchlist")?.ok_or_else(|| {
        Failure::Usage(format!("there is no organization {organization}; see: dyepack watchlist list"))
    })?;
    let confirmed = store.confirmed_contacts(&id).await.context("cannot read the contacts")?;
    if confirmed.is_empty() {
        let advice = format!(
            "{organization} has no confirmed contact; import its watchlist without --confirm, or have one confirmed"
        );
        return Err(Failure::Usage(advice).into());
    }
    let to = confirmed.into_iter().map(|contact| contact.address).collect();
    Ok((to, watchlist.organization.language))
}

async fn test(mailer: &Mailer, to: &[String], language: Language, context: &Context) -> anyhow::Result<Exit> {
    let mut failed = 0;
    for address in to {
        context.output.note(format_args!("sending a test mail to {address} by {} …", mailer.place()));
        let outcome = try_one(mailer, address, language, context).await;
        let (ok, detail) = match &outcome {
            Ok(receipt) => (true, receipt),
            Err(reason) => (false, reason),
        };
        failed += usize::from(!ok);
        match context.output.format() {
            Format::Json => context.output.json(&Trial { to: address, ok, detail })?,
            Format::Table if ok => context.output.line(format_args!("{address}: accepted. {detail}"))?,
            Format::Table => context.output.line(format_args!("{address}: failed. {detail}"))?,
        }
    }
    anyhow::ensure!(failed == 0, "{failed} of {} test mails could not be handed over", to.len());
    context.output.note("taken; now look whether it arrives: a mail server further on may still sort it out as spam");
    Ok(Exit::Done)
}

/// Tries an organization's channels.
async fn test_channels(organization: &str, mailer: Mailer, context: &Context) -> anyhow::Result<Exit> {
    let store = context.open_store().await?;
    let watchlist = store.watchlist(&OrganizationId(organization.to_owned())).await?;
    let Some(organization) = watchlist.map(|watchlist| watchlist.organization) else { return Ok(Exit::Done) };
    let ports = ports(&store, mailer, context);
    let mut failed = 0;
    for channel in &organization.alerts.channels {
        let outcome = alerting::test_channel(&ports, &organization, channel).await;
        let (ok, detail) = match &outcome {
            Ok(receipt) => (true, receipt),
            Err(reason) => (false, reason),
        };
        failed += usize::from(!ok);
        let to = channel.recipient();
        match context.output.format() {
            Format::Json => context.output.json(&Trial { to: &to, ok, detail })?,
            Format::Table if ok => context.output.line(format_args!("{to}: works. {detail}"))?,
            Format::Table => context.output.line(format_args!("{to}: failed. {detail}"))?,
        }
    }
    anyhow::ensure!(failed == 0, "{failed} of {} channels did not work", organization.alerts.channels.len());
    Ok(Exit::Done)
}

/// Sends one test mail; in words, how it went.
async fn try_one(mailer: &Mailer, to: &str, language: Language, context: &Context) -> Result<String, String> {
    let now = context.clock.now();
    let addressing = Addressing {
        to: to.to_owned(),
        language,
        reason: AlertReason::Opened,
        message_id: format!("test-{}-{}@dyepack.localhost", now.as_millisecond(), std::process::id()),
        thread_root: None,
    };
    let message = mailer.render(&compose_test(&addressing, now)).map_err(|error| format!("cannot {error}"))?;
    let accepted = mailer.send(to, &message).await.map_err(|error| error.to_string())?;
    let receipt = accepted.receipt.clone();
    accepted.close().await;
    Ok(receipt)
}

async fn list(organization: Option<&str>, context: &Context) -> anyhow::Result<Exit> {
    let store = context.open_store().await?;
    let filter = AlertFilter { organization: organization.map(|id| OrganizationId(id.to_owned())) };
    let alerts = store.alerts(&filter).await.context("cannot list the alerts")?;
    match context.output.format() {
        Format::Json => alerts.iter().try_for_each(|alert| context.output.json(alert))?,
        Format::Table => {
            let headers =
                ["alert", "case", "to", "why", "state", "tries", "next try / sent (UTC)", "failure", "last error"];
            let rows: Vec<Vec<String>> = alerts.iter().map(row).collect();
            context.output.table(&headers, &rows)?;
        }
    }
    let dead = alerts.iter().filter(|alert| alert.state == AlertState::Dead).count();
    if dead > 0 {
        context.output.note(format_args!("{dead} given up: mend the cause named in the last error"));
        return Ok(Exit::Problems);
    }
    Ok(Exit::Done)
}

fn row(alert: &AlertRow) -> Vec<String> {
    let state = match alert.state {
        AlertState::Queued if alert.escalates => "queued, if nobody acknowledges",
        AlertState::Queued if alert.held_until.is_some() => "held",
        AlertState::Queued => "queued",
        AlertState::WaitingForContact => "waiting for a contact",
        AlertState::Sent => "sent",
        AlertState::Dead => "dead",
        AlertState::Dropped => "dropped",
    };
    let at = match alert.state {
        AlertState::Queued => Some(alert.due_at),
        AlertState::Sent => alert.sent_at,
        AlertState::WaitingForContact | AlertState::Dead | AlertState::Dropped => None,
    };
    vec![
        alert.id.clone(),
        alert.case.clone(),
        alert.contact.clone().unwrap_or_default(),
        alert.reason.as_str().replace('_', " "),
        state.to_owned(),
        alert.attempts.to_string(),
        at.map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default(),
        alert.failure.as_deref().map(failure).unwrap_or_default().to_owned(),
        alert.last_error.clone().unwrap_or_default(),
    ]
}

/// What kind of failure a word of the store means, for people.
fn failure(word: &str) -> &str {
    match word {
        "greylisted" => "greylisted: asked to come again",
        "answer-4xx" => "refused for now (4xx)",
        "answer-5xx" => "refused for good (5xx)",
        "dropped" => "dropped after the message: it may have arrived",
        "lost" => "connection lost before the message",
        "tls" => "no secure connection",
        "no-starttls" => "STARTTLS not offered",
        "no-login" => "no way to log in",
        "login" => "login refused",
        "timeout" => "no answer in time",
        "refused" => "nobody listens there",
        "name" => "name not known",
        "unreachable" => "not reachable",
        other => other,
    }
}
