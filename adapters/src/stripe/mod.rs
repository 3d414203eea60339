//! Webhooks of Stripe: <https://docs.stripe.com/webhooks>.

mod config;
mod event;
mod signature;
mod source;

pub use config::{EXECUTOR_TYPE, FUNCTION, HANDLED_TYPES, StripeConfig};
pub(crate) use source::StripeSource;
