//! Reads Stripe's events, of every API version, into [`Change`](super::Change)s.
//!
//! Types name only the fields in use and skip the rest, so that added or removed fields do not matter.

mod charge;
mod checkout;
mod customer;
mod dispute;
mod event;
mod field;
mod invoice;
mod item;
mod metadata;
mod object;
mod payment;
mod refund;
mod schedule;
mod subscription;
mod surrogate;
mod thin;

pub use event::EventError;

pub(super) use event::Occurrence;
pub(super) use surrogate::repaired;
pub(super) use thin::ThinEvent;
