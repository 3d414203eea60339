//! Keys, signed envelopes, and the documents that Apiary's trust rests on.
//!
//! Everything signed is one thing: a [DSSE](https://github.com/secure-systems-lab/dsse) [`Envelope`] around a JSON [`Document`]. Its
//! bytes are kept and forwarded as they came, so a signature that held once holds everywhere. This crate does no I/O but for key
//! files, and [`chain`] needs nothing but the bytes: no clock, no network, no database.
//!
//! # Tour
//!
//! | document | signed by | says |
//! |---|---|---|
//! | [`Grant`] | the colony | this key is a user or an executor, with these scopes, from then until then |
//! | [`Revocation`], [`Guard`] | the colony | a grant has ended; these arguments are refused |
//! | [`Spec`] | a granted key | do this |
//! | [`Progress`], [`Outcome`] | an executor's key | how far the work is; how it ended |
//! | [`ArchiveManifest`], [`ArchiveErasure`] | the archive bee's key | these processes are in this object; these are erased from it |
//! | [`Request`] | any caller | I make this very call, now |
//!
//! A colony is its key, and its [`Id`] is all that a verifier has to know beforehand. It grants, a user asks, and everybody can check:
//!
//! ```
//! use apiary_identity::chain::{BrokenLink, verify_spec};
//! use apiary_identity::{Clock as _, Content, Envelope, Grant, KeyPair, Role, Scopes, Spec, SystemClock};
//! use jiff::ToSpan as _;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (colony, user, now) = (KeyPair::generate(), KeyPair::generate(), SystemClock.now());
//!
//! // The colony says what the user's key may do.
//! let grant = Grant {
//!     colony: colony.id(),
//!     grant_id: uuid::Uuid::now_v7(),
//!     key: user.id(),
//!     role: Role::User,
//!     name: "billing".to_owned(),
//!     scopes: Scopes { functions: vec!["invoice.*".to_owned()], executor_types: vec!["finance".to_owned()] },
//!     rights: Vec::new(),
//!     valid_from: now - 1.hour(),
//!     valid_until: now + 24.hours(),
//! };
//! let grant = Envelope::seal(&colony, &grant)?;
//!
//! // The user asks for work.
//! let spec = Spec::new(colony.id(), "finance", "invoice.send", now).with_args(Content::from_bytes(b"[4711]"));
//! let spec = Envelope::seal(&user, &spec)?;
//!
//! // Whoever knows the colony's id checks the chain from there down to the arguments.
//! let verified = verify_spec(&colony.id(), &grant, &spec)?;
//! assert_eq!(verified.spec.args().to_bytes()?, "[4711]");
//!
//! // What the grant does not cover breaks the chain, and so does every changed byte.
//! let other = Envelope::seal(&user, &Spec::new(colony.id(), "finance", "account.close", now))?;
//! assert!(matches!(verify_spec(&colony.id(), &grant, &other), Err(BrokenLink::GrantScope { .. })));
//! let mut changed = spec;
//! changed.payload = changed.payload.iter().rev().copied().collect();
//! assert!(matches!(verify_spec(&colony.id(), &grant, &changed), Err(BrokenLink::Spec(_))));
//! # Ok(())
//! # }
//! ```
//!
//! # Where to go on
//!
//! - [`chain`]: what is checked, and each way in which it can break. [`chain::verify_result`] is the other half.
//! - [`KeyPair`], [`read_key_file`], [`write_key_file`]: Ed25519 keys as PEM, encrypted or not; [`Id`] is a key's name.
//! - [`Spec`]: all options of work (priority, retries, parents, deadlines); [`Requirements`] and [`Offer`]: its hardware.
//! - [`limits`]: every bound of a document. [`Clock`]: the time, handed in.
//! - `docs/protocol.md` in the repository has the same, byte for byte, for other languages; the crate `apiary-executor-sdk` does all of
//!   this for a submitter or a bee.

mod archive;
mod batch;
pub mod chain;
mod clock;
mod content;
mod document;
mod envelope;
mod error;
mod event;
mod grant;
mod guard;
mod id;
mod keyfile;
mod keypair;
pub mod limits;
mod name;
mod progress;
mod quantity;
mod recent;
mod request;
mod requirements;
mod result;
mod revocation;
mod right;
mod secretfile;
mod signature;
mod signed_batch;
mod spec;
pub mod strict;
mod time;
mod verified;

pub use archive::{ArchiveErasure, ArchiveManifest, ErasedLine};
pub use clock::{Clock, ManualClock, SystemClock};
pub use content::Content;
pub use document::{Document, cut_text};
pub use envelope::{Digest, Envelope};
pub use error::{DocumentError, EnvelopeError, IdError, KeyError, QuantityError};
pub use event::EventLeaf;
pub use grant::{Grant, Role, Scopes};
pub use guard::{FieldPattern, Guard, GuardRule};
pub use id::Id;
pub use keyfile::{read_key_file, write_key_file, write_secret_file};
pub use keypair::KeyPair;
pub use name::{check_colony_name, check_name};
pub use progress::Progress;
pub use quantity::{Cpu, Memory};
pub use recent::RecentMap;
pub use request::{Nonce, Request};
pub use requirements::{Offer, Requirements, Shortfall};
pub use result::{Outcome, OutcomeKind};
pub use revocation::Revocation;
pub use right::GrantRight;
pub use secretfile::{ExposureWarning, check_secret_file, read_secret_file};
pub use signature::Signature;
pub use signed_batch::SignedBatch;
pub use spec::{Backoff, OnFailed, Spec};
