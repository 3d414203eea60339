//! Floors: what the same machine does without Apiary, or with a part of it alone.

pub(crate) mod crypto;
pub(crate) mod group;
pub(crate) mod sql;
