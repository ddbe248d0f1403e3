//! Keeps mails in memory and fails as told: for trials of what stands above.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lettre::Address;

use super::error::SendError;

/// How one attempt goes.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The mail is taken.
    Accept,
    /// It fails, and the mail is not taken.
    Fail(SendError),
    /// It fails although the mail was taken: the answer got lost.
    TakeAndFail(SendError),
}

/// A mailbox in memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Contents>>);

#[derive(Debug, Default)]
struct Contents {
    accepted: Vec<(String, Vec<u8>)>,
    outcomes: VecDeque<Outcome>,
}

impl Memory {
    pub(super) fn new(outcomes: Vec<Outcome>) -> Self {
        Self(Arc::new(Mutex::new(Contents { accepted: Vec::new(), outcomes: outcomes.into() })))
    }

    pub(super) fn accepted(&self) -> Vec<(String, Vec<u8>)> {
        self.contents().accepted.clone()
    }

    pub(super) fn take(&self, to: &Address, message: &[u8]) -> Result<(), SendError> {
        let mut contents = self.contents();
        let outcome = contents.outcomes.pop_front().unwrap_or(Outcome::Accept);
        let mail = (to.to_string(), message.to_vec());
        match outcome {
            Outcome::Accept => contents.accepted.push(mail),
            Outcome::Fail(error) => return Err(error),
            Outcome::TakeAndFail(error) => {
                contents.accepted.push(mail);
                return Err(error);
            }
        }
        Ok(())
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
