//! A client of Stripe's API, which only reads: one object, or lists page by page.
//!
//! Every call is a `GET` with the pinned [`API_VERSION`], so it can be repeated. It takes its turn at the bee's own rate
//! (`Pace`), far below Stripe's, and goes out through [`Outbound`](crate::outbound::Outbound): a bounded time, waits as
//! `Retry-After` asks, and a circuit breaker.

mod answer;
mod client;
mod error;
mod key;
mod kind;
mod list;
mod pace;
mod reads;
mod retrieve;
mod settings;

pub use client::{API_VERSION, StripeApi, StripeConfig};
pub use error::StripeError;
pub use key::StripeKey;
pub use kind::Kind;
pub use list::{ListQuery, PAGE_SIZE_MAX, Page};
pub use retrieve::Reading;
pub use settings::open;

pub(super) use settings::SETTINGS;
