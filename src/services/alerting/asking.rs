//! Sends the mails that ask an address whether it is right; what the answer does is `services::answering`.

use jiff::Timestamp;

use super::{MARGIN, Ports};
use crate::domain::alert::links::{Links, Purpose};
use crate::domain::alert::pages::{Question, compose_question};
use crate::domain::alert::retry::{Eagerness, delay};
use crate::domain::alert::{Addressing, AlertReason};
use crate::domain::watchlist::OrganizationId;
use crate::ports::store::{QuestionRow, StoreError};

/// Sends the next question that is due, if one is; returns whether there was one. A failure is put on record, and the mail
/// tried again.
///
/// # Errors
/// When the database fails; the question is due again a while later.
pub async fn ask_next(ports: &Ports) -> Result<bool, StoreError> {
    let lease = ports.mailer.longest_attempt() + MARGIN;
    let Some(asked) = ports.store.claim_question(lease, ports.clock.now()).await? else { return Ok(false) };
    let tried = attempt(ports, &asked).await?;
    let now = ports.clock.now();
    let failure = tried.as_ref().err().map(|(reason, is_permanent)| {
        let eagerness = if ports.mailer.is_local() { Eagerness::Quick } else { Eagerness::Patient };
        let wait = delay(eagerness, asked.attempts.saturating_add(1), &asked.id).filter(|_| !is_permanent);
        (reason.as_str(), wait.and_then(|wait| now.checked_add(wait).ok()))
    });
    if failure.is_some() {
        tracing::warn!(
            organization = asked.organization,
            tries = asked.attempts + 1,
            "a contact could not be asked to confirm its address"
        );
    }
    ports.store.question_tried(&asked.id, failure.map_or(Ok(()), Err), now).await?;
    Ok(true)
}

/// Makes one attempt; in words, why it failed, and whether for good.
async fn attempt(ports: &Ports, asked: &QuestionRow) -> Result<Result<(), (String, bool)>, StoreError> {
    let id = OrganizationId(asked.organization.clone());
    let Some(watchlist) = ports.store.watchlist(&id).await? else {
        return Ok(Err(("the organization is no longer enrolled".to_owned(), true)));
    };
    let key = ports.store.link_key().await?;
    let code = key.code(&asked.id);
    let links = ports.links.clone().map(|base| Links { base, key });
    let question = Question {
        organization_name: watchlist.organization.name,
        zone: watchlist.organization.alerts.quiet.zone,
        address: links.map(|links| links.address(Purpose::Confirm, &asked.id, asked.expires_at)),
        code,
        expires_at: asked.expires_at,
    };
    let addressing = Addressing {
        to: asked.address.clone(),
        language: watchlist.organization.language,
        reason: AlertReason::Opened,
        message_id: format!("{}@dyepack.invalid", asked.id.to_ascii_lowercase()),
        thread_root: None,
    };
    // The same bytes at every try.
    let mail = compose_question(&question, &addressing, asked.asked_at.max(Timestamp::UNIX_EPOCH));
    let message = match ports.mailer.render(&mail) {
        Ok(message) => message,
        Err(error) => return Ok(Err((format!("cannot {error}"), true))),
    };
    match ports.mailer.send(&asked.address, &message).await {
        Ok(accepted) => {
            accepted.close().await;
            Ok(Ok(()))
        }
        Err(error) => Ok(Err((error.to_string(), error.is_permanent()))),
    }
}
