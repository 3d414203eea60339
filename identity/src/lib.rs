//! Keys, signed envelopes, and the documents that Apiary's trust rests on.
//!
//! Everything signed is one thing: a [DSSE](https://github.com/secure-systems-lab/dsse) [`Envelope`]
//! around a JSON [`Document`]. A colony's key signs [`Grant`]s, a granted key signs [`Spec`]s, an
//! executor's key signs [`Outcome`]s (documents of type `result.v1`), and a caller signs one [`Request`]
//! for every other call. [`chain`] checks how they hang together, from the colony's key down, and needs
//! nothing but the bytes: no clock, no network, no database.

pub mod chain;
mod clock;
mod content;
mod document;
mod envelope;
mod error;
mod grant;
mod id;
mod keyfile;
mod keypair;
pub mod limits;
mod name;
mod request;
mod result;
mod spec;
mod strict;

pub use clock::{Clock, ManualClock, SystemClock};
pub use content::Content;
pub use document::Document;
pub use envelope::{Digest, Envelope};
pub use error::{DocumentError, EnvelopeError, IdError, KeyError};
pub use grant::{Grant, GrantRight, Role, Scopes};
pub use id::Id;
pub use keyfile::{read_key_file, write_key_file};
pub use keypair::KeyPair;
pub use name::check_colony_name;
pub use request::{Nonce, Request};
pub use result::{Outcome, OutcomeKind};
pub use spec::{Backoff, Spec};
