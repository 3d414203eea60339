//! Reads Stripe's events, of every API version, into [`Change`](super::Change)s.
//!
//! Types name only the fields in use and skip the rest, so that added or removed fields do not matter.

mod checkout;
mod customer;
mod event;
mod field;
mod invoice;
mod metadata;
mod subscription;

pub use event::EventError;

pub(super) use event::Occurrence;
