//! `apiary webhook`: the adapter, and test events for it.

mod fields;
mod run;
mod send;

pub(crate) use fields::is_field;
pub(crate) use run::{Arguments, config, named, run, urls};
