//! Decode and fold: views of a text with maps back to the original bytes.
