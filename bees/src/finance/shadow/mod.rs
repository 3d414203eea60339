//! Shadow mode: the tables of an older webhook handler beside the state of record, until these replace them.
//!
//! A [`Mapping`] says which columns of an old table must agree with which columns of the state of record. It is turned into
//! one `SELECT` over the record that yields the old table's columns, in its types. The [report](Shadow::report) compares
//! the old table with it; the [cutover](Shadow::cutover) makes it a view under the old table's name; the
//! [rollback](Shadow::rollback) writes it into the old table. So the rows that were compared are those that the app reads.
//!
//! Cutover and rollback are one transaction each, with their state in `apiary.shadow` of the same database: a program that
//! is killed leaves everything as it was, or done. Why so: `docs/adr/0020-a-view-in-place-of-the-table.md`.

mod blockers;
mod catalog;
mod compare;
mod cutover;
mod error;
mod expression;
mod mapping;
mod plan;
mod projection;
mod report;
mod rollback;
mod rule;
mod sources;
mod state;
mod transaction;

pub use compare::{DifferentRow, ShadowFinding, TableReport};
pub use cutover::{Cutover, Gate};
pub use error::ShadowError;
pub use mapping::{Mapping, TableMapping};
pub use report::{Shadow, ShadowReport};
pub use rollback::{Rollback, RolledBack};
