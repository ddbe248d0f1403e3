//! Moves cases and shows what is known of them.
