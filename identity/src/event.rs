//! An event of a colony as the leaf of an append-only log: the exact bytes, so that whoever has the event can work out its hash.

use jiff::Timestamp;
use uuid::Uuid;

use crate::batch::leaf;
use crate::envelope::Digest;
use crate::id::Id;

/// The first bytes of every leaf. No envelope's signed encoding begins with them: those begin with `DSSEv1`.
const DOMAIN: &[u8] = b"apiary.event.v1\n";

/// An event of a colony, with everything that its leaf covers. Empty text means that there is none.
#[derive(Clone, Copy, Debug)]
pub struct EventLeaf<'a> {
    /// The colony.
    pub colony: &'a Id,
    /// The place in the colony's stream: 1 for the first, and no number is left out.
    pub position: i64,
    /// The time.
    pub time: Timestamp,
    /// The kind's word.
    pub kind: &'a str,
    /// The RPC's name, or the page's route.
    pub method: &'a str,
    /// The reason of a refusal.
    pub reason: &'a str,
    /// The key that signed, or is said to have signed.
    pub key: Option<&'a Id>,
    /// True if a signature of the key was verified.
    pub is_proven: bool,
    /// The name of the key's grant; `colony` for the colony's own key.
    pub name: &'a str,
    /// The address of the other side.
    pub address: &'a str,
    /// The process.
    pub process_id: Option<Uuid>,
    /// The function.
    pub function: &'a str,
    /// The id of the request.
    pub request_id: &'a str,
    /// The thing that was changed.
    pub subject: &'a str,
    /// The details, in words.
    pub detail: &'a str,
    /// The number of times that it happened.
    pub count: i64,
}

impl EventLeaf<'_> {
    /// Returns the leaf's bytes: `apiary.event.v1`, a newline, and every field in its order as a netstring.
    pub fn to_bytes(&self) -> Vec<u8> {
        let key = self.key.map(Id::to_string).unwrap_or_default();
        let process_id = self.process_id.map(|id| id.to_string()).unwrap_or_default();
        let fields: [&str; 16] = [
            &self.colony.to_string(),
            &self.position.to_string(),
            &self.time.as_millisecond().to_string(),
            self.kind,
            self.method,
            self.reason,
            &key,
            if self.is_proven { "1" } else { "0" },
            self.name,
            self.address,
            &process_id,
            self.function,
            self.request_id,
            self.subject,
            self.detail,
            &self.count.to_string(),
        ];
        let mut bytes = DOMAIN.to_vec();
        for field in fields {
            bytes.extend_from_slice(field.len().to_string().as_bytes());
            bytes.push(b':');
            bytes.extend_from_slice(field.as_bytes());
            bytes.push(b',');
        }
        bytes
    }

    /// Returns the hash of the leaf (RFC 6962, section 2.1): SHA-256 of a zero byte and the leaf's bytes.
    pub fn digest(&self) -> Digest {
        Digest(leaf([&self.to_bytes(), &[]]))
    }
}
