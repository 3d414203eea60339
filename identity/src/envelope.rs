//! The only signed form: a DSSE envelope with one signature.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::batch::leaf;
use crate::document::check_size;
use crate::error::shown;
use crate::limits::BATCH_DOCUMENTS_MAX;
use crate::signature::Check;
use crate::{Document, EnvelopeError, Id, KeyPair, Signature, strict, verified};

/// SHA-256 of a zero byte and an envelope's signed encoding, which is RFC 6962's hash of a leaf: identifies exactly these bytes,
/// however often and with whatever others they were signed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

/// A signed document: the payload's bytes exactly as the signer made them, with the signer's id and signature.
///
/// Untrusted until [`verify`](Self::verify) or [`open`](Self::open) returns `Ok`.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The payload's type, [`Document::PAYLOAD_TYPE`].
    pub payload_type: String,
    /// The signed bytes.
    pub payload: Bytes,
    /// The signer as the envelope claims it.
    pub key_id: Id,
    /// The signature, over [`encoding`](Self::encoding) alone or over a batch with it.
    pub signature: Signature,
}

impl Envelope {
    /// Checks a document, prints it once, and signs those bytes.
    pub fn seal<D: Document>(key: &KeyPair, document: &D) -> Result<Self, EnvelopeError> {
        Ok(Self::sign(key, D::PAYLOAD_TYPE, document.to_json()?.into()))
    }

    /// Signs bytes that are already a document.
    pub fn sign(key: &KeyPair, payload_type: &str, payload: Bytes) -> Self {
        let signature = Signature::of_one(key.sign(&encoding(payload_type, &payload)));
        Self { payload_type: payload_type.to_owned(), payload, key_id: key.id(), signature }
    }

    /// Signs documents of one type together: one signature for each [`BATCH_DOCUMENTS_MAX`] of them, where signing costs as much as
    /// hashing some thirty. Each envelope can be verified alone. A document alone gets an ordinary signature.
    pub fn sign_all(key: &KeyPair, payload_type: &str, payloads: Vec<Bytes>) -> Vec<Self> {
        let mut envelopes = Vec::with_capacity(payloads.len());
        for batch in payloads.chunks(BATCH_DOCUMENTS_MAX as usize) {
            if let [payload] = batch {
                envelopes.push(Self::sign(key, payload_type, payload.clone()));
                continue;
            }
            let leaves = batch.iter().map(|payload| leaf([&header(payload_type, payload), payload])).collect();
            let members = batch.iter().zip(Signature::of_batch(key, leaves));
            envelopes.extend(members.map(|(payload, signature)| Self {
                payload_type: payload_type.to_owned(),
                payload: payload.clone(),
                key_id: key.id(),
                signature,
            }));
        }
        envelopes
    }

    /// Returns DSSE's pre-authentication encoding, the bytes that are signed.
    pub fn encoding(&self) -> Vec<u8> {
        encoding(&self.payload_type, &self.payload)
    }

    /// Checks the signature, strictly.
    pub fn verify(&self) -> Result<(), EnvelopeError> {
        self.verify_by(Id::verifies)
    }

    fn verify_by(&self, check_single: Check) -> Result<(), EnvelopeError> {
        match self.signature.holds(&self.key_id, || self.encoding(), || self.digest().0, check_single) {
            true => Ok(()),
            false => Err(EnvelopeError::Signature(self.key_id)),
        }
    }

    /// Checks type, size and signature, and only then reads the document.
    pub fn open<D: Document>(&self) -> Result<D, EnvelopeError> {
        self.open_by(Id::verifies)
    }

    /// Opens a document that comes again and again, like a grant: a signature that was checked before is remembered.
    pub(crate) fn open_known<D: Document>(&self) -> Result<D, EnvelopeError> {
        self.open_by(verified::verifies)
    }

    fn open_by<D: Document>(&self, check_single: Check) -> Result<D, EnvelopeError> {
        if self.payload_type != D::PAYLOAD_TYPE {
            return Err(EnvelopeError::Type { expected: D::PAYLOAD_TYPE, found: shown(&self.payload_type) });
        }
        // The size comes first: checking a signature hashes the whole payload, which a stranger could make megabytes
        // long.
        check_size(&self.payload)?;
        self.verify_by(check_single)?;
        // Parsed only now: no byte reaches the JSON reader before its signer is known.
        Ok(D::from_json(&self.payload)?)
    }

    /// Returns the digest that identifies exactly these bytes.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.payload_type, &self.payload)
    }

    /// Reads DSSE's JSON form. As DSSE requires of readers, both base64 alphabets are accepted and unknown fields are
    /// ignored.
    pub fn from_json(json: &[u8]) -> Result<Self, EnvelopeError> {
        let mut reader = serde_json::Deserializer::from_slice(json);
        let form: JsonForm = strict::object(&mut reader)
            .and_then(|form| reader.end().map(|()| form))
            .map_err(|error| EnvelopeError::json(&error))?;
        // DSSE permits several signatures. Exactly one leaves no question of which of them a check was about.
        let [StrictSignature(signature)] = form.signatures.as_slice() else {
            return Err(EnvelopeError::SignatureCount(form.signatures.len()));
        };
        let payload = decode("payload", &form.payload)?;
        let bytes = decode("sig", &signature.sig)?;
        Ok(Self {
            payload_type: form.payload_type,
            payload: payload.into(),
            key_id: signature.keyid.parse()?,
            signature: Signature::from_bytes(bytes.into())?,
        })
    }

    /// Prints DSSE's JSON form.
    pub fn to_json(&self) -> Vec<u8> {
        let form = JsonForm {
            payload_type: self.payload_type.clone(),
            payload: STANDARD.encode(&self.payload),
            signatures: vec![StrictSignature(JsonSignature {
                keyid: self.key_id.to_string(),
                sig: STANDARD.encode(self.signature.as_bytes()),
            })],
        };
        // Infallible: the form has only strings, and the writer is a byte vector.
        serde_json::to_vec(&form).unwrap_or_default()
    }
}

impl fmt::Debug for Envelope {
    /// Prints type, size and signer, without the payload: arguments may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Envelope({}, {} bytes, by {})", self.payload_type, self.payload.len(), self.key_id)
    }
}

impl Digest {
    /// Returns the digest of a payload of this type, whether or not it is a valid document.
    pub fn of(payload_type: &str, payload: &[u8]) -> Self {
        Self(leaf([&header(payload_type, payload), payload]))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        match hex::decode_to_slice(text.as_bytes(), &mut bytes) {
            // One spelling per digest, so that comparing texts and comparing bytes agree.
            Ok(()) if !text.contains(|c: char| c.is_ascii_uppercase()) => Ok(Self(bytes)),
            _ => Err(serde::de::Error::custom("expected a SHA-256 digest as 64 lower-case hexadecimal characters")),
        }
    }
}

/// Builds `DSSEv1 <length> <type> <length> <payload>`; the lengths make it impossible to shift bytes between fields.
pub(crate) fn encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(payload_type, payload);
    bytes.extend_from_slice(payload);
    bytes
}

fn header(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes()
}

fn decode(field: &str, text: &str) -> Result<Vec<u8>, EnvelopeError> {
    let alphabet = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    alphabet.decode(text).map_err(|error| {
        EnvelopeError::Json(format!("`{field}` is not base64 (RFC 4648, padded, in one line): {error}"))
    })
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonForm {
    payload_type: String,
    payload: String,
    signatures: Vec<StrictSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct StrictSignature(#[serde(deserialize_with = "strict::object")] JsonSignature);

#[derive(Serialize, Deserialize)]
struct JsonSignature {
    keyid: String,
    sig: String,
}
