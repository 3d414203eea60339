//! Stripe's events, of every API version, read into [`Change`](super::Change)s.
//!
//! Types are narrow: they name what is used and pass over the rest, so that a new field, or an old one that
//! is gone, does not matter.

mod checkout;
mod customer;
mod event;
mod field;
mod invoice;
mod metadata;
mod subscription;

pub use event::EventError;

pub(super) use event::Occurrence;
