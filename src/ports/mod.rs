//! The outside world: the only places that read time, open sockets, hold SQL, start processes and send mail.

pub mod accounts;
pub mod clock;
pub mod disk;
pub mod evidence;
pub mod fetch;
pub mod jwt;
pub mod mail;
pub mod memory;
pub mod sandbox;
pub mod seal;
pub mod signing;
pub mod store;
pub mod syslog;
pub mod tls;
pub mod vault;
