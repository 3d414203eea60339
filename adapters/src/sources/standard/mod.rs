//! Webhooks by the specification "Standard Webhooks": <https://www.standardwebhooks.com>.

mod config;
mod key;
mod source;
#[cfg(test)]
mod tests;

pub use config::StandardConfig;
pub use source::Standard;
