//! Sends what the outbox holds, once each.
