//! When a case becomes an alert; what the mail says and hides.
