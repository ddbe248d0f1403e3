//! What following a link of a mail does: acknowledges cases, confirms an address. Opening it asks, pressing its button acts.
//!
//! Not here: the pages' words (`domain::alert::pages`), HTTP (`faces`), the mails (`alerting`).

use jiff::Timestamp;

use crate::domain::alert::links::{LinkFault, Purpose, is_same};
use crate::domain::alert::pages::Page;
use crate::domain::alert::payload;
use crate::domain::watchlist::{Channel, ChannelKind, Language, OrganizationId};
use crate::ports::store::{Answered, Store, StoreError, Told};

/// What the audit log says of a case that was acknowledged so.
const WHY: &str = "acknowledged by the link in the mail";

/// Most entries of a feed.
const FEED_ENTRIES: u32 = 50;

/// What is done with a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// It is opened: nothing changes, however often and by whom.
    Open,
    /// Its button is pressed.
    Press,
}

/// Answers a link; returns the page to show, and in which language. Pressing twice is as pressing once.
///
/// # Errors
/// When the database fails; nothing has changed then.
pub async fn follow(
    store: &Store,
    (purpose, token): (Purpose, &str),
    deed: Deed,
    now: Timestamp,
) -> Result<(Page, Language), StoreError> {
    let subject = match store.link_key().await?.read(purpose, token, now) {
        Ok(subject) => subject,
        Err(LinkFault::Expired) => return Ok((Page::Expired, Language::En)),
        Err(LinkFault::Unknown) => return Ok((Page::Unknown, Language::En)),
    };
    match purpose {
        Purpose::Acknowledge => acknowledge(store, &subject, deed, now).await,
        Purpose::Confirm => confirm(store, &subject, deed, now).await,
    }
}

async fn acknowledge(store: &Store, alert: &str, deed: Deed, now: Timestamp) -> Result<(Page, Language), StoreError> {
    let told = match deed {
        Deed::Open => store.told_by(alert).await?,
        Deed::Press => store.acknowledge(alert, WHY, now).await?,
    };
    let Some(Told { language, zone, cases, .. }) = told else { return Ok((Page::Unknown, Language::En)) };
    let open: Vec<String> = cases.iter().filter(|(_, at)| at.is_none()).map(|(case, _)| case.clone()).collect();
    let page = if open.is_empty() {
        let at = cases.iter().filter_map(|(_, at)| *at).max().unwrap_or(now);
        Page::WasSeen { cases: cases.into_iter().map(|(case, _)| case).collect(), at, zone }
    } else {
        match deed {
            Deed::Open => Page::AskSeen { cases: open },
            Deed::Press => Page::Seen { cases: open },
        }
    };
    Ok((page, language))
}

async fn confirm(store: &Store, question: &str, deed: Deed, now: Timestamp) -> Result<(Page, Language), StoreError> {
    let Some(asked) = store.question(question).await? else { return Ok((Page::Unknown, Language::En)) };
    let watchlist = store.watchlist(&OrganizationId(asked.organization)).await?;
    let Some(organization) = watchlist.map(|watchlist| watchlist.organization) else {
        return Ok((Page::Unknown, Language::En));
    };
    let organization_name = organization.name;
    let page = match deed {
        Deed::Open => Page::AskConfirm { organization_name },
        Deed::Press => match store.answer_by_link(question, now).await? {
            Answered::Confirmed(_) => Page::Confirmed { organization_name },
            Answered::Expired => Page::Expired,
            Answered::Unknown | Answered::Wrong { .. } => Page::Unknown,
        },
    };
    Ok((page, organization.language))
}

/// Confirms an address by the code that it was sent.
///
/// # Errors
/// When the database fails.
pub async fn confirm_by_code(
    store: &Store,
    (organization, address): (&OrganizationId, &str),
    code: &str,
    now: Timestamp,
) -> Result<Answered, StoreError> {
    let key = store.link_key().await?;
    store.answer_by_code((organization, address), |question| key.is_code(question, code), now).await
}

/// Returns the feed of an organization that a token opens; `None` if it opens none.
///
/// # Errors
/// When the database fails.
pub async fn feed(
    store: &Store,
    organization: &OrganizationId,
    token: &str,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let Some(watchlist) = store.watchlist(organization).await? else { return Ok(None) };
    let channels = watchlist.organization.alerts.channels;
    let opens = |channel: &&Channel| {
        let secret = channel.secret.as_ref().map(|secret| secret.reveal().as_str());
        channel.kind == ChannelKind::Atom && secret.is_some_and(|secret| is_same(secret, token))
    };
    let Some(channel) = channels.iter().find(opens) else { return Ok(None) };
    let written = store.written_for(organization, &channel.recipient(), FEED_ENTRIES).await?;
    let updated_at = written.first().map_or(now, |(at, _)| *at);
    let entries: Vec<String> = written.into_iter().map(|(_, entry)| entry).collect();
    Ok(Some(payload::feed(&organization.0, &channel.name, &entries, updated_at)))
}
