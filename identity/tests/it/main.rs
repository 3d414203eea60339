//! Tests of the signed documents through the public API: against published cases, openssl, and their own rules.

mod cases;
mod chain;
mod content;
mod documents;
mod envelopes;
mod events;
mod grants;
mod guards;
mod ids;
mod keyfiles;
mod openssl;
mod outcomes;
mod progress;
mod protocol;
mod quantities;
mod requests;
mod requirements;
mod revocations;
mod secretfiles;
mod secrets;
mod specs;
mod support;
