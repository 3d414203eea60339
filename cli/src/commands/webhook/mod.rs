//! `apiary webhook`: the adapter, test events for it, and its routes.

mod coverage;
mod fields;
mod outbox_sql;
mod routes;
mod run;
mod send;
mod whereabouts;

pub(crate) use coverage::uncovered;
pub(crate) use fields::is_field;
pub(crate) use run::{Arguments, config, named, receivers, receivers_with, run, urls};
