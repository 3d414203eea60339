//! Compares Stripe with the state of record, page by page, and repairs the state of record if asked.
//!
//! A run takes a bounded time and returns a [`Cursor`], from which the next goes on. The cursor is in the signed result,
//! not in the state of record: the bee stays without a state of its own, whoever submits the next run has seen the last
//! one's result, and two people who reconcile at the same time do not move each other's place.
//!
//! A run of a bounded time goes through Stripe's lists, so it finds what the state of record lacks and what differs. What
//! Stripe lacks is found by [`run_whole`], which remembers the ids of a list to its end and then goes through the rows.
//!
//! # While events arrive
//!
//! What is read at Stripe is applied as an event that shows the object, with a time of [`SETTLE_S`] before the read. So an
//! event of a later change wins over it, whichever arrives first, and it wins over every older event. An event of the
//! last seconds before the read wins, too, although the reading contains its change: it says the same, or one that says
//! more is on its way.

mod args;
mod compare;
mod handler;
mod ledger;
mod listed;
mod report;
mod run;
mod unlisted;

pub use args::{Cursor, Request};
pub use ledger::SETTLE_S;
pub use report::{Counts, Difference, Finding, Report, Skipped};
pub use run::{ReconcileError, check, run, run_whole};

pub(super) use args::ARGS_SCHEMA;
pub(super) use handler::handle;
