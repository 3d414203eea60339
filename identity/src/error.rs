//! Errors of keys, envelopes, documents and amounts. Each text ends in advice.

use crate::Id;
use crate::limits::{BATCH_DOCUMENTS_MAX, QUANTITY_BYTES_MAX};

/// Maximum number of characters that an error quotes from untrusted text.
const SHOWN_CHARS_MAX: usize = 300;

/// Errors of reading an identity from text or bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not `ed25519:` and 43 base64url characters.
    #[error("not an identity: expected `ed25519:` and 43 base64url characters, as `apiary key id` prints it")]
    Form,
    /// Not the canonical encoding of a point on the curve.
    #[error("not an Ed25519 public key: the bytes are no canonical point on the curve; copy the key again")]
    Point,
    /// A low-order point: signatures under it prove nothing.
    #[error("refused: a low-order Ed25519 key, under which anybody can sign; generate a key with `apiary key new`")]
    Weak,
    /// Not a SubjectPublicKeyInfo document (RFC 8410).
    #[error("not an Ed25519 public key file (SubjectPublicKeyInfo, RFC 8410): {0}")]
    Spki(String),
}

/// Errors of reading or writing a secret key. Never holds key material.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not PKCS#8, not Ed25519, or halves that do not belong together.
    #[error("not an Ed25519 secret key in PKCS#8 PEM: {0}; `apiary key new` makes one")]
    Format(String),
    /// Encrypted, and no passphrase was given.
    #[error("the key is encrypted: give its passphrase in APIARY_KEY_PASSPHRASE")]
    PassphraseMissing,
    /// Encrypted with another passphrase.
    #[error("the key does not open with this passphrase")]
    PassphraseWrong,
    /// Other users of the machine can read the file, and this process has the right to change its mode.
    #[error("{path} can be read by others (mode {mode:04o}): run `chmod 600 {path}`")]
    Readable {
        /// The file.
        path: String,
        /// The permission bits.
        mode: u32,
    },
    /// Other users of the machine can change the file, and this process may not change its mode.
    #[error(
        "{path} can be changed by others (mode {mode:04o}), and this process may not change its mode: let its owner run \
         `chmod 400 {path}`, or mount it with mode 0400"
    )]
    Writable {
        /// The file.
        path: String,
        /// The permission bits.
        mode: u32,
    },
    /// A file of this name exists; it is never overwritten.
    #[error("{0} exists and is not overwritten: choose another file, or move the old key away")]
    Exists(String),
    /// An I/O error.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The operating system's error.
        source: std::io::Error,
    },
}

/// Errors of reading, opening or verifying an envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// The JSON form does not have the fields of a DSSE envelope.
    #[error(
        "not a DSSE envelope: {0}; expected {{\"payloadType\", \"payload\", \"signatures\": [{{\"keyid\", \"sig\"}}]}}"
    )]
    Json(String),
    /// No signature, or more than one.
    #[error("an envelope carries exactly one signature, this one has {0}")]
    SignatureCount(usize),
    /// A signature of another length than a single document's or a batch member's.
    #[error(
        "an Ed25519 signature has 64 bytes, a batch member's 72 and 32 more for each step of its path; this one has {0}"
    )]
    SignatureLength(usize),
    /// A batch member's place outside its batch, or a batch of a size that is not allowed.
    #[error("signed as document {index} (from 0) of a batch of {size}; a batch has 2 to {BATCH_DOCUMENTS_MAX}")]
    SignatureBatch {
        /// The index that it claims.
        index: u32,
        /// The size that it claims.
        size: u32,
    },
    /// `keyid` is not an identity.
    #[error("the envelope's key id is {0}")]
    KeyId(#[from] IdError),
    /// The signature is not by that key over these bytes.
    #[error("the signature is not by {0} over this payload: sign the DSSE encoding of the exact bytes that are sent")]
    Signature(Id),
    /// A document of another type than the expected one.
    #[error("expected a document of type `{expected}`, got `{found}`")]
    Type {
        /// The expected payload type.
        expected: &'static str,
        /// The payload type found.
        found: String,
    },
    /// Signed, but the document is invalid.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

/// An error of reading an amount of cpu or memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is no amount of {kind}: {problem}; {accepted}")]
pub struct QuantityError {
    kind: &'static str,
    given: String,
    problem: &'static str,
    accepted: &'static str,
}

impl QuantityError {
    /// Creates the error, with the beginning of the text, the problem, and the accepted forms.
    pub(crate) fn new(kind: &'static str, text: &str, problem: &'static str, accepted: &'static str) -> Self {
        Self { kind, given: text.chars().take(QUANTITY_BYTES_MAX).collect(), problem, accepted }
    }
}

/// Errors of a document's content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Larger than the bound on documents.
    #[error("the document has {found} bytes, the most is {limit}")]
    TooLarge {
        /// Size in bytes.
        found: usize,
        /// Maximum size in bytes.
        limit: usize,
    },
    /// Not JSON, a field missing, unknown or twice, or of another type.
    #[error("the document is not valid: {0}")]
    Json(String),
    /// A field outside its bounds.
    #[error("`{field}` {problem}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// The problem and the accepted values.
        problem: String,
    },
}

impl DocumentError {
    /// Converts a serde error, with its text cut by [`shown`].
    pub(crate) fn json(error: &serde_json::Error) -> Self {
        Self::Json(shown(&error.to_string()))
    }

    /// Creates a [`DocumentError::Field`].
    pub(crate) fn field(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Field { field, problem: problem.into() }
    }
}

impl EnvelopeError {
    /// Converts a serde error, with its text cut by [`shown`].
    pub(crate) fn json(error: &serde_json::Error) -> Self {
        Self::Json(shown(&error.to_string()))
    }
}

/// Cuts a parser's message and replaces control characters. It quotes the sender, who may send megabytes, or control
/// characters aimed at the log's reader. The end is kept, because it gives the position of the error.
pub(crate) fn shown(text: &str) -> String {
    const HALF: usize = SHOWN_CHARS_MAX / 2;
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let length = text.chars().count();
    if length <= SHOWN_CHARS_MAX {
        return text.chars().map(plain).collect();
    }
    text.chars().take(HALF).chain(" … ".chars()).chain(text.chars().skip(length - HALF)).map(plain).collect()
}
