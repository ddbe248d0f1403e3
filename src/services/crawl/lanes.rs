//! Our ways into the networks: one that is down gives all its sources a rest, and is tried again by itself.
//!
//! No site is blamed and no failure counted meanwhile; what was claimed goes back as it was. Not here: how a way is tried
//! (`ports::fetch`).

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Ports;
use crate::domain::source::Network;
use crate::ports::fetch::FetchError;

/// First and longest wait before a way that is down is tried again.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LONGEST: Duration = Duration::from_mins(1);

/// A network whose way in does not work.
#[derive(Debug, Clone)]
pub(super) struct Closed {
    /// What is wrong, in words.
    pub(super) reason: String,
    tries: u32,
    /// When it is tried again; never, if it is not set up.
    retry_at: Option<Timestamp>,
}

/// Which networks are closed; shared by all visits.
#[derive(Debug, Clone, Default)]
pub(super) struct Lanes(Arc<Mutex<BTreeMap<Network, Closed>>>);

impl Lanes {
    /// Closes a network after a visit found its way in broken; returns whether it was open.
    pub(super) fn close(&self, network: Network, error: &FetchError, now: Timestamp) -> bool {
        let is_set_up = !matches!(error, FetchError::NoRoute { .. });
        let retry_at = is_set_up.then(|| after(now, RETRY_FIRST));
        let mut closed = self.closed();
        let was_open = !closed.contains_key(&network);
        closed.entry(network).or_insert_with(|| Closed { reason: error.to_string(), tries: 0, retry_at });
        was_open
    }

    /// Returns the networks of which nothing may be claimed.
    pub(super) fn shut(&self) -> Vec<Network> {
        self.closed().keys().copied().collect()
    }

    /// Returns what is wrong with each closed network.
    pub(super) fn reasons(&self) -> BTreeMap<Network, String> {
        self.closed().iter().map(|(network, closed)| (*network, closed.reason.clone())).collect()
    }

    /// Returns when the next closed network is tried again.
    pub(super) fn next_try(&self) -> Option<Timestamp> {
        self.closed().values().filter_map(|closed| closed.retry_at).min()
    }

    fn failed(&self, network: Network, error: &FetchError, now: Timestamp) {
        if let Some(closed) = self.closed().get_mut(&network) {
            closed.tries = closed.tries.saturating_add(1);
            closed.reason = error.to_string();
            let wait = RETRY_FIRST.saturating_mul(1 << closed.tries.min(10)).min(RETRY_LONGEST);
            closed.retry_at = Some(after(now, wait));
        }
    }

    fn due(&self, now: Timestamp) -> Option<Network> {
        self.closed()
            .iter()
            .find(|(_, closed)| closed.retry_at.is_some_and(|at| at <= now))
            .map(|(network, _)| *network)
    }

    fn closed(&self) -> MutexGuard<'_, BTreeMap<Network, Closed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
}

/// Tries closed networks again, one at a time.
#[derive(Debug)]
pub(super) struct Lanekeeper {
    ports: Ports,
    lanes: Lanes,
    trying: JoinSet<bool>,
}

impl Lanekeeper {
    pub(super) fn new(ports: Ports, lanes: Lanes) -> Self {
        Self { ports, lanes, trying: JoinSet::new() }
    }

    /// Waits until a network has opened again, trying those that are due. May be cancelled.
    pub(super) async fn opened(&mut self) {
        loop {
            let now = self.ports.clock.now();
            if self.trying.is_empty() {
                match (self.lanes.due(now), self.lanes.next_try()) {
                    (Some(network), _) => {
                        self.trying.spawn(try_again(self.ports.clone(), self.lanes.clone(), network));
                    }
                    (None, Some(at)) => {
                        sleep(Duration::try_from(at.duration_since(now)).unwrap_or_default()).await;
                        continue;
                    }
                    // A visit may close one at any time: the caller asks again whenever something has happened.
                    (None, None) => return pending().await,
                }
            }
            if matches!(self.trying.join_next().await, Some(Ok(true))) {
                return;
            }
        }
    }
}

/// Tries a closed network, and opens it if it works.
async fn try_again(ports: Ports, lanes: Lanes, network: Network) -> bool {
    let tried = ports.fetcher.try_lane(network).await;
    let now = ports.clock.now();
    let reason = match tried {
        Ok(_) => {
            tracing::info!(network = network.word(), "the way into a network works again");
            lanes.closed().remove(&network);
            None
        }
        Err(error) => {
            lanes.failed(network, &error, now);
            Some(error.to_string())
        }
    };
    note(&ports, network, reason.as_deref(), now).await;
    reason.is_none()
}

/// Puts the state of a network on record, for those who look from outside.
pub(super) async fn note(ports: &Ports, network: Network, reason: Option<&str>, now: Timestamp) {
    if let Err(error) = ports.store.note_lane(network, reason, now).await {
        tracing::debug!(%error, "the state of a network is not on record");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    #[test]
    fn a_network_that_is_down_is_tried_again_at_growing_intervals() {
        let lanes = Lanes::default();
        let down = FetchError::RouteDown { network: Network::Tor, detail: "nothing answers".to_owned() };
        assert!(lanes.close(Network::Tor, &down, at(0)));
        assert!(!lanes.close(Network::Tor, &down, at(0)), "it is closed once");
        assert_eq!((lanes.shut(), lanes.next_try()), (vec![Network::Tor], Some(at(1))));
        for (tried_at, next) in [(1, 3), (3, 7), (7, 15), (15, 31), (31, 63), (63, 123), (123, 183)] {
            assert_eq!(lanes.due(at(tried_at)), Some(Network::Tor));
            lanes.failed(Network::Tor, &down, at(tried_at));
            assert_eq!(lanes.next_try(), Some(at(next)));
        }
    }

    #[test]
    fn a_network_that_is_not_set_up_is_not_tried() {
        let lanes = Lanes::default();
        lanes.close(Network::I2p, &FetchError::NoRoute { network: Network::I2p }, at(0));
        assert_eq!((lanes.shut(), lanes.next_try()), (vec![Network::I2p], None));
    }
}
