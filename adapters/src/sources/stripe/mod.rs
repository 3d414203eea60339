//! Webhooks of Stripe: <https://docs.stripe.com/webhooks>.

mod config;
mod event;
mod signature;
mod source;
mod thin;

pub use config::{HANDLED_TYPES, StripeConfig};
pub use source::Stripe;
