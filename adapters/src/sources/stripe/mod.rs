//! Webhooks of Stripe: <https://docs.stripe.com/webhooks>.

mod config;
mod event;
mod signature;
mod source;

pub use config::StripeConfig;
pub use source::Stripe;
