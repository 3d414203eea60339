//! Senders that sign with an HMAC in a header, described by settings: any number of them, each with a name.

mod definition;
mod endpoint;
mod place;
mod source;
#[cfg(test)]
mod tests;

pub use source::Hmac;
