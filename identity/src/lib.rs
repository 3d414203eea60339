//! Keys, signed envelopes, and the documents that Apiary's trust rests on.
//!
//! Everything signed is one thing: a [DSSE](https://github.com/secure-systems-lab/dsse) [`Envelope`]
//! around a JSON [`Document`]. A colony's key signs [`Grant`]s, [`Revocation`]s and [`Guard`]s, a granted key
//! signs [`Spec`]s, an executor's key signs [`Progress`] while it works and [`Outcome`]s (documents of type
//! `result.v1`) at the end, and a caller signs one [`Request`] for every other call. [`chain`] checks how they hang together, from the colony's key down, and needs
//! nothing but the bytes: no clock, no network, no database.

pub mod chain;
mod clock;
mod content;
mod document;
mod envelope;
mod error;
mod grant;
mod guard;
mod id;
mod keyfile;
mod keypair;
pub mod limits;
mod name;
mod progress;
mod quantity;
mod request;
mod requirements;
mod result;
mod revocation;
mod secretfile;
mod spec;
mod strict;
mod time;

pub use clock::{Clock, ManualClock, SystemClock};
pub use content::Content;
pub use document::{Document, cut_text};
pub use envelope::{Digest, Envelope};
pub use error::{DocumentError, EnvelopeError, IdError, KeyError, QuantityError};
pub use grant::{Grant, GrantRight, Role, Scopes};
pub use guard::{FieldPattern, Guard, GuardRule};
pub use id::Id;
pub use keyfile::{read_key_file, write_key_file, write_secret_file};
pub use keypair::KeyPair;
pub use name::{check_colony_name, check_name};
pub use progress::Progress;
pub use quantity::{Cpu, Memory};
pub use request::{Nonce, Request};
pub use requirements::{Offer, Requirements, Shortfall};
pub use result::{Outcome, OutcomeKind};
pub use revocation::Revocation;
pub use secretfile::{Exposed, check_secret_file, read_secret_file};
pub use spec::{Backoff, OnFailed, Spec};
