//! Archives and spreadsheets to members of text, within limits.
