//! `contact`: who is told, who has confirmed it, and asking those who have not.

use anyhow::Context as _;
use jiff::Timestamp;

use super::context::Context;
use super::output::Format;
use super::{Exit, Failure, alert};
use crate::domain::watchlist::{ContactRole, OrganizationId};
use crate::ports::store::{Answered, ContactRow, Store, StoreError};
use crate::services::{alerting, answering};

/// Shows who is told, asks addresses to confirm themselves, takes their codes
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dyepack contact list
  dyepack contact ask --organization example-bank
  dyepack contact confirm --organization example-bank soc@example-bank.example 7F3K-9Q2M")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Lists contacts: what they do, when they are told, whether they have confirmed their address
    #[command(
        after_help = "Example:\n  dyepack contact list --format json\n\nExit codes: 0 done, 1 an organization has no confirmed contact, 3 the store cannot be opened."
    )]
    List,
    /// Mails a link and a code, valid once and for three days, to those who have not confirmed their address
    #[command(
        after_help = "Example:\n  dyepack contact ask --organization example-bank\n\nA newer question makes an older one void. The link needs [console] url in the configuration and dyepack serve; the code does not."
    )]
    Ask {
        /// Whose contacts
        #[arg(long, value_name = "ID")]
        organization: String,
        /// Only this one, also if it is confirmed
        #[arg(value_name = "ADDRESS")]
        address: Option<String>,
        /// Where mail goes, instead of `[mail] url`
        #[arg(long, value_name = "URL")]
        mail: Option<String>,
    },
    /// Confirms an address by the code that was mailed to it
    #[command(
        after_help = "Example:\n  dyepack contact confirm --organization example-bank soc@example-bank.example 7F3K-9Q2M\n\nExit codes: 0 confirmed, 1 wrong code, 2 there is nothing to confirm."
    )]
    Confirm {
        /// Whose contact
        #[arg(long, value_name = "ID")]
        organization: String,
        /// The address
        address: String,
        /// The code
        code: String,
    },
}

/// Runs `contact`.
pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let store = context.open_store().await?;
    match &args.action {
        Action::List => list(&store, context).await,
        Action::Ask { organization, address, mail } => {
            ask(&store, (organization, address.as_deref()), mail.as_deref(), context).await
        }
        Action::Confirm { organization, address, code } => {
            confirm(&store, (organization, address), code, context).await
        }
    }
}

async fn list(store: &Store, context: &Context) -> anyhow::Result<Exit> {
    let contacts = store.contacts().await.context("cannot list the contacts")?;
    match context.output.format() {
        Format::Json => contacts.iter().try_for_each(|contact| context.output.json(contact))?,
        Format::Table if contacts.is_empty() => {
            context
                .output
                .note("no organization is enrolled yet; try: dyepack watchlist import watchlists/example-bank");
        }
        Format::Table => {
            let headers = ["organization", "address", "role", "told", "confirmed (UTC)", "question"];
            let rows: Vec<Vec<String>> = contacts.iter().map(|contact| row(contact, context.clock.now())).collect();
            context.output.table(&headers, &rows)?;
        }
    }
    let unreached = |organization: &str| {
        !contacts.iter().any(|contact| contact.organization == organization && contact.confirmed_at.is_some())
    };
    let is_unreached = contacts.iter().any(|contact| unreached(&contact.organization));
    Ok(if is_unreached { Exit::Problems } else { Exit::Done })
}

fn row(contact: &ContactRow, now: Timestamp) -> Vec<String> {
    let role = match contact.role {
        ContactRole::Security => "security",
        ContactRole::Privacy => "privacy",
        ContactRole::Executive => "executive",
    };
    let told = contact
        .after_seconds
        .map_or_else(|| "at once".to_owned(), |seconds| format!("after {}, if nobody acknowledges", span(seconds)));
    let time = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M").to_string();
    let by = contact.confirmed_by.as_deref().unwrap_or_default();
    let confirmed = contact.confirmed_at.map_or_else(|| "no".to_owned(), |at| format!("{} by {by}", time(at)));
    let question = contact.question.as_ref().map_or_else(String::new, |question| {
        match (question.expires_at > now, question.sent_at, &question.last_error) {
            (false, _, _) => "ran out unanswered".to_owned(),
            (true, Some(at), _) => format!("asked {}", time(at)),
            (true, None, Some(error)) => format!("not asked yet: {error}"),
            (true, None, None) => "to be asked".to_owned(),
        }
    });
    vec![contact.organization.clone(), contact.address.clone(), role.to_owned(), told, confirmed, question]
}

/// `4h`, `90m`, `45s`.
fn span(seconds: u64) -> String {
    match seconds {
        _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

async fn ask(
    store: &Store,
    (organization, address): (&str, Option<&str>),
    mail: Option<&str>,
    context: &Context,
) -> anyhow::Result<Exit> {
    let id = OrganizationId(organization.to_owned());
    let contacts = store.contacts().await.context("cannot read the contacts")?;
    let own = contacts.into_iter().filter(|contact| contact.organization == organization);
    let asked: Vec<ContactRow> = match address {
        Some(address) => own.filter(|contact| contact.address == address).collect(),
        None => own.filter(|contact| contact.confirmed_at.is_none()).collect(),
    };
    if asked.is_empty() {
        let advice = format!("{organization} has no such contact to ask; see: dyepack contact list");
        return Err(Failure::Usage(advice).into());
    }
    for contact in &asked {
        store.ask_contact(&id, &contact.address, context.clock.now()).await.map_err(told)?;
    }
    send_questions(store, mail, context).await
}

/// Sends the questions that are due, and says how that went; the rest is sent by the next crawl.
pub(super) async fn send_questions(store: &Store, mail: Option<&str>, context: &Context) -> anyhow::Result<Exit> {
    let Some(mailer) = alert::mailer(mail, context).await? else {
        context
            .output
            .note("mail is not set up, so nobody is asked yet: set [mail] url; the next crawl asks them then");
        return Ok(Exit::Problems);
    };
    let ports = alert::ports(store, mailer, context);
    while alerting::ask_next(&ports).await.context("cannot ask")? {}
    let mut exit = Exit::Done;
    for contact in store.contacts().await? {
        let Some(question) = contact.question.filter(|question| question.expires_at > context.clock.now()) else {
            continue;
        };
        match (question.sent_at, question.last_error) {
            (Some(_), _) => {
                context
                    .output
                    .note(format_args!("{}: {} was sent a link and a code", contact.organization, contact.address));
            }
            (None, error) => {
                let error = error.unwrap_or_else(|| "it is being sent".to_owned());
                context
                    .output
                    .note(format_args!("{}: {} could not be asked: {error}", contact.organization, contact.address));
                exit = Exit::Problems;
            }
        }
    }
    Ok(exit)
}

async fn confirm(
    store: &Store,
    (organization, address): (&str, &str),
    code: &str,
    context: &Context,
) -> anyhow::Result<Exit> {
    let id = OrganizationId(organization.to_owned());
    match answering::confirm_by_code(store, (&id, address), code, context.clock.now()).await? {
        Answered::Confirmed(_) => {
            context
                .output
                .line(format_args!("{address} is confirmed; alerts of {organization} go there from now on"))?;
            Ok(Exit::Done)
        }
        Answered::Wrong { left } => {
            context
                .output
                .line(format_args!("that is not the code that was mailed to {address}; {left} tries are left"))?;
            Ok(Exit::Problems)
        }
        Answered::Expired => {
            let advice = format!(
                "the code has run out, or was wrong too often; send another: dyepack contact ask --organization {organization} {address}"
            );
            Err(Failure::Usage(advice).into())
        }
        Answered::Unknown => {
            let advice = format!(
                "{address} of {organization} was not asked, or is confirmed already; see: dyepack contact list"
            );
            Err(Failure::Usage(advice).into())
        }
    }
}

fn told(error: StoreError) -> anyhow::Error {
    let is_usage = matches!(error, StoreError::NoSuchContact { .. });
    if is_usage { Failure::Usage(format!("cannot {error}")).into() } else { anyhow::Error::new(error) }
}
