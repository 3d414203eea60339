//! Manifests of the archive: what is in an object, signed by the bee that wrote it. Each names the one before, so that none can be left out.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::batch::{Tree, leaf};
use crate::document::check_text;
use crate::envelope::Digest;
use crate::limits::{ARCHIVE_OBJECT_BYTES_MAX, ARCHIVE_PROCESSES_MAX, VALUE_BYTES_MAX};
use crate::{Document, DocumentError, Id, strict, time};

/// Bytes of an object's name, at the most.
const OBJECT_NAME_BYTES_MAX: usize = 256;

/// "This object has so many processes, which finished from then until then; their lines have this root."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchiveManifest {
    /// The colony.
    pub colony: Id,
    /// Number of the object, from 1.
    pub number: i64,
    /// Digest of the manifest before; absent in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Digest>,
    /// Name of the object.
    pub object: String,
    /// Bytes of the object, compressed.
    pub object_bytes: u64,
    /// SHA-256 of the object's bytes.
    pub object_sha256: Digest,
    /// Bytes of all lines.
    pub line_bytes: u64,
    /// Number of lines: each is a process.
    pub processes: u64,
    /// Merkle root over the lines (RFC 6962), without their newlines.
    pub root: Digest,
    /// Time at which the first process finished.
    #[serde(deserialize_with = "time::time")]
    pub first: Timestamp,
    /// Time at which the last process finished.
    #[serde(deserialize_with = "time::time")]
    pub last: Timestamp,
    /// Time up to which finished processes were read, included.
    #[serde(deserialize_with = "time::time")]
    pub until: Timestamp,
}

impl Document for ArchiveManifest {
    const PAYLOAD_TYPE: &'static str = "application/vnd.apiary.archive.v1+json";

    fn check(&self) -> Result<(), DocumentError> {
        check_text("object", &self.object, OBJECT_NAME_BYTES_MAX)?;
        if self.object.is_empty() {
            return Err(DocumentError::field("object", "is empty: name the object"));
        }
        if self.number < 1 || (self.number == 1) != self.previous.is_none() {
            return Err(DocumentError::field(
                "number",
                "counts from 1, and every manifest but the first names the one before",
            ));
        }
        if !(1..=ARCHIVE_PROCESSES_MAX).contains(&self.processes) {
            return Err(DocumentError::field(
                "processes",
                format!("is 1 to {ARCHIVE_PROCESSES_MAX}; got {}", self.processes),
            ));
        }
        for (field, bytes) in [("object_bytes", self.object_bytes), ("line_bytes", self.line_bytes)] {
            if !(1..=ARCHIVE_OBJECT_BYTES_MAX).contains(&bytes) {
                return Err(DocumentError::field(field, format!("is 1 to {ARCHIVE_OBJECT_BYTES_MAX}; got {bytes}")));
            }
        }
        match self.first <= self.last && self.last <= self.until {
            true => Ok(()),
            false => Err(DocumentError::field("first", "is not after `last`, nor `last` after `until`")),
        }
    }
}

/// "The bytes of these lines are gone from this object on somebody's demand; their digests stay, and nothing else changed."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchiveErasure {
    /// The colony.
    pub colony: Id,
    /// Digest of the object's manifest.
    pub manifest: Digest,
    /// Number of the erasure, from 1 for each object. The last has the lines of all.
    pub number: i64,
    /// Name of the object that has the other lines.
    pub replacement: String,
    /// SHA-256 of its bytes.
    pub replacement_sha256: Digest,
    /// Bytes of its lines.
    pub line_bytes: u64,
    /// Lines that are erased, in their order.
    #[serde(deserialize_with = "strict::objects")]
    pub erased: Vec<ErasedLine>,
    /// Reason, in words.
    pub reason: String,
    /// Time of the erasure.
    #[serde(deserialize_with = "time::time")]
    pub erased_at: Timestamp,
}

/// A line that is erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErasedLine {
    /// Place in the object, from 0.
    pub line: u64,
    /// The process.
    #[serde(deserialize_with = "strict::uuid")]
    pub process_id: Uuid,
    /// Digest that the line had.
    pub leaf: Digest,
}

impl Document for ArchiveErasure {
    const PAYLOAD_TYPE: &'static str = "application/vnd.apiary.erasure.v1+json";

    fn check(&self) -> Result<(), DocumentError> {
        check_text("replacement", &self.replacement, OBJECT_NAME_BYTES_MAX)?;
        check_text("reason", &self.reason, VALUE_BYTES_MAX)?;
        if self.replacement.is_empty() || self.number < 1 {
            return Err(DocumentError::field("number", "counts from 1, and `replacement` names an object"));
        }
        if !(1..=ARCHIVE_OBJECT_BYTES_MAX).contains(&self.line_bytes) {
            return Err(DocumentError::field(
                "line_bytes",
                format!("is 1 to {ARCHIVE_OBJECT_BYTES_MAX}; got {}", self.line_bytes),
            ));
        }
        let count = u64::try_from(self.erased.len()).unwrap_or(u64::MAX);
        if !(1..=ARCHIVE_PROCESSES_MAX).contains(&count) || !self.erased.is_sorted_by(|one, next| one.line < next.line)
        {
            return Err(DocumentError::field(
                "erased",
                format!("has 1 to {ARCHIVE_PROCESSES_MAX} lines, each once, in their order"),
            ));
        }
        Ok(())
    }
}

impl Digest {
    /// Returns the digest of bytes that are no document, as a leaf of a log (RFC 6962): SHA-256 of a zero byte and the bytes.
    pub fn of_leaf(bytes: &[u8]) -> Self {
        Self(leaf([bytes, &[]]))
    }

    /// Returns the Merkle root over leaves (RFC 6962); zero bytes for none.
    pub fn root_of(leaves: &[Self]) -> Self {
        Self(Tree::new(leaves.iter().map(|leaf| leaf.0).collect()).root())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Envelope, KeyPair};

    fn manifest() -> ArchiveManifest {
        let leaves: Vec<Digest> = [&b"{\"a\":1}"[..], b"{\"b\":2}"].into_iter().map(Digest::of_leaf).collect();
        let moment = |ms| Timestamp::from_millisecond(ms).unwrap();
        ArchiveManifest {
            colony: KeyPair::from_seed(&[1; 32]).id(),
            number: 1,
            previous: None,
            object: "a.jsonl.zst".to_owned(),
            object_bytes: 20,
            object_sha256: Digest([3; 32]),
            line_bytes: 18,
            processes: 2,
            root: Digest::root_of(&leaves),
            first: moment(1_000),
            last: moment(2_000),
            until: moment(3_000),
        }
    }

    #[test]
    fn a_manifest_comes_back_and_names_the_one_before() {
        let key = KeyPair::from_seed(&[2; 32]);
        let first = Envelope::seal(&key, &manifest()).unwrap();
        assert_eq!(first.open::<ArchiveManifest>().unwrap(), manifest());
        let second = ArchiveManifest { number: 2, previous: Some(first.digest()), ..manifest() };
        assert!(Envelope::seal(&key, &second).is_ok());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused = |manifest: ArchiveManifest| manifest.check().unwrap_err().to_string();
        assert!(refused(ArchiveManifest { number: 2, ..manifest() }).contains("number"));
        assert!(refused(ArchiveManifest { previous: Some(Digest([0; 32])), ..manifest() }).contains("number"));
        assert!(refused(ArchiveManifest { processes: 0, ..manifest() }).contains("processes"));
        assert!(refused(ArchiveManifest { object_bytes: u64::MAX, ..manifest() }).contains("object_bytes"));
        assert!(refused(ArchiveManifest { first: Timestamp::MAX, ..manifest() }).contains("first"));
        assert!(refused(ArchiveManifest { object: String::new(), ..manifest() }).contains("object"));
    }

    #[test]
    fn the_root_is_that_of_rfc_6962() {
        // The first two inputs of Certificate Transparency's reference implementation.
        let root = Digest::root_of(&[Digest::of_leaf(b""), Digest::of_leaf(&[0])]);
        assert_eq!(root.to_string(), "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    }
}
