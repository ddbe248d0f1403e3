//! Kinds of identifier: canonical form and mask.
