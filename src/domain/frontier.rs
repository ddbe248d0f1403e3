//! Which URL is due when: revisit and back-off as functions of `now`.
