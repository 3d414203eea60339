//! The interface to Stripe's own record: reads of single objects.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

/// Reads of objects at Stripe, for what events alone do not decide.
#[async_trait]
pub trait StripeReads: Send + Sync + 'static {
    /// Returns an object as it is at Stripe now. `account` is the connected account, empty for one's own; `kind` is
    /// Stripe's name of the object, such as `subscription` or `payment_intent`.
    ///
    /// # Errors
    ///
    /// [`ReadError::Unavailable`] if another attempt can succeed.
    async fn object(&self, account: &str, livemode: bool, kind: &str, id: &str) -> Result<Value, ReadError>;
}

/// An error of a read at Stripe. Never holds a key.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// Unreachable, overloaded, or no answer in time.
    #[error("Stripe's API is unavailable: {what}")]
    Unavailable {
        /// Description of the fault.
        what: String,
        /// Wait that Stripe asks for (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// A key that is wrong, of another mode, or lacks a right.
    #[error("Stripe refuses the read: {0}")]
    Refused(String),
    /// An object that Stripe does not know.
    #[error("Stripe has no such object: {0}")]
    NotFound(String),
}
