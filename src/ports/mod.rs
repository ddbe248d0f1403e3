//! The outside world: the only places that read time, open sockets, hold SQL and send mail.

pub mod clock;
pub mod fetch;
pub mod mail;
pub mod seal;
pub mod store;
pub mod tls;
pub mod vault;
