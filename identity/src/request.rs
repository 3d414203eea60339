//! Requests: the caller's signature under every call that does not carry a signed document itself.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rand::Rng as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::envelope::Digest;
use crate::limits::NAME_CHARS_MAX;
use crate::{Document, DocumentError, Id, time};

/// "I call this method, with this message, at this broker, now, once."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The gRPC method with its service, `/apiary.v1.LeaseService/Claim`.
    pub method: String,
    /// The colony that the call is about.
    pub colony: Id,
    /// The broker instance that the call is for, as `Connect` named it.
    pub broker_id: String,
    /// Time of the signature, by the caller's clock.
    #[serde(deserialize_with = "time::time")]
    pub time: Timestamp,
    /// Makes the request unique.
    pub nonce: Nonce,
    /// SHA-256 of the protobuf message, as sent, without gRPC's five-byte frame.
    pub message_sha256: Digest,
}

/// Sixteen random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Nonce(pub [u8; 16]);

impl Nonce {
    /// Generates a new nonce.
    pub fn generate() -> Self {
        let mut bytes = [0; 16];
        rand::rng().fill_bytes(&mut bytes);
        Self(bytes)
    }
}

impl Request {
    /// Creates a request for a message about to be sent.
    pub fn new(method: &str, colony: Id, broker_id: &str, now: Timestamp, message: &[u8]) -> Self {
        Self {
            method: method.to_owned(),
            colony,
            broker_id: broker_id.to_owned(),
            time: now,
            nonce: Nonce::generate(),
            message_sha256: Self::digest(message),
        }
    }

    /// Returns the SHA-256 of a message.
    pub fn digest(message: &[u8]) -> Digest {
        Digest(Sha256::digest(message).into())
    }
}

impl Document for Request {
    const PAYLOAD_TYPE: &'static str = "application/vnd.apiary.request.v1+json";

    fn check(&self) -> Result<(), DocumentError> {
        for (field, text) in [("method", &self.method), ("broker_id", &self.broker_id)] {
            if text.is_empty() || text.len() > NAME_CHARS_MAX {
                return Err(DocumentError::field(field, format!("has 1 to {NAME_CHARS_MAX} characters")));
            }
        }
        Ok(())
    }
}

impl Serialize for Nonce {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Nonce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = URL_SAFE_NO_PAD.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| serde::de::Error::custom("a nonce is 16 bytes in unpadded base64url"))
    }
}
