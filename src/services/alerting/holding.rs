//! Decides over an alert that is due whether it goes out now: the rules are `domain::alert::timing`'s, the facts the store's.

use jiff::Timestamp;

use super::Ports;
use crate::domain::alert::timing::{Due, HOUR, Timing, decide, escalates_at};
use crate::domain::case::State;
use crate::domain::watchlist::Channel;
use crate::ports::store::StoreError;
use crate::ports::store::model::AlertClaim;

/// Puts an alert off that is not to go out now, or drops one that is not needed any more; `false` if it is to be sent.
pub(super) async fn is_held(ports: &Ports, claim: &AlertClaim, now: Timestamp) -> Result<bool, StoreError> {
    if claim.contact.starts_with(Channel::PREFIX) {
        let unneeded = match &claim.channel {
            None => Some("its channel is no longer in the watchlist"),
            Some(channel) if claim.severity < channel.from => Some("its case is not grave enough for the channel"),
            Some(_) => None,
        };
        if let Some(why) = unneeded {
            ports.store.drop_alert(claim, why).await?;
        }
        return Ok(unneeded.is_some());
    }
    if claim.escalates {
        if claim.case_state != State::New {
            ports.store.drop_alert(claim, "acknowledged in time").await?;
            return Ok(true);
        }
        let before = ports.store.told_before(claim).await?;
        let until = escalates_at(claim.after.unwrap_or_default(), &before, now);
        if until > now {
            ports.store.hold_alert(claim, until, false).await?;
            return Ok(true);
        }
    }
    let since = now.checked_sub(HOUR).unwrap_or(Timestamp::MIN);
    let lately = ports.store.mails_since(&claim.organization, since).await?;
    // How long the others were given is not what it waited for.
    let held_until = claim.held_until.filter(|_| !claim.escalates || claim.gathers);
    match decide(&claim.alerts, Due { severity: claim.severity, held_until, lately }, now) {
        Timing::Now => Ok(false),
        Timing::Hold { until, gathers } => {
            ports.store.hold_alert(claim, until, gathers).await?;
            Ok(true)
        }
    }
}
