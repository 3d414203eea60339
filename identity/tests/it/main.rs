//! The signed documents, checked from outside: against published cases, against openssl, and against their own rules.

mod cases;
mod chain;
mod content;
mod documents;
mod envelopes;
mod grants;
mod ids;
mod keyfiles;
mod openssl;
mod outcomes;
mod protocol;
mod requests;
mod secrets;
mod specs;
mod support;
