//! Hands a finished mail to a transport: SMTP, or a directory.
