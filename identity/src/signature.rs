//! Signatures of documents, each alone or many together.

use std::fmt;

use bytes::Bytes;

use crate::batch::{Hash, Tree, root_of};
use crate::limits::BATCH_DOCUMENTS_MAX;
use crate::{EnvelopeError, Id, KeyPair, verified};

/// The payload type under which the root of a batch is signed. No document has this type, so that a signature of a batch is never
/// one of a document, nor the reverse.
const BATCH_TYPE: &str = "application/vnd.apiary.batch.v1";
pub(crate) const ED25519_BYTES: usize = 64;
/// Bytes of a batch member's signature before its path.
const PLACE_BYTES: usize = ED25519_BYTES + 8;

/// Check of Ed25519 by a key over a message.
pub(crate) type Check = fn(&Id, &[u8], &[u8; ED25519_BYTES]) -> bool;

/// Proof that a key signed a document: 64 bytes of Ed25519 over its encoding, or over the Merkle root of a batch that it belongs to.
///
/// A batch member's bytes are: Ed25519 over the batch (64 bytes), the member's index from 0 and the batch's size (each 4 bytes,
/// big-endian), and the inclusion path of RFC 6962 (32 bytes for each sibling, from the bottom up).
#[derive(Clone, PartialEq, Eq)]
pub struct Signature(Bytes);

impl Signature {
    /// Reads a signature's bytes.
    ///
    /// # Errors
    ///
    /// A length that no signature has, or a batch of a size or with an index out of bounds. Whether it holds is another question:
    /// [`Envelope::verify`](crate::Envelope::verify).
    pub fn from_bytes(bytes: Bytes) -> Result<Self, EnvelopeError> {
        let length = bytes.len();
        let signature = Self(bytes);
        match signature.place() {
            None if length == ED25519_BYTES => Ok(signature),
            Some(Place { index, size, .. }) if (2..=BATCH_DOCUMENTS_MAX).contains(&size) && index < size => {
                Ok(signature)
            }
            Some(Place { index, size, .. }) => Err(EnvelopeError::SignatureBatch { index, size }),
            None => Err(EnvelopeError::SignatureLength(length)),
        }
    }

    /// Returns the bytes, as they are kept and sent.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the bytes, shared with this signature.
    pub fn to_bytes(&self) -> Bytes {
        self.0.clone()
    }

    /// Returns the number of documents that were signed together.
    pub fn batch_size(&self) -> u32 {
        self.place().map_or(1, |place| place.size)
    }

    /// Returns the document's index in its batch, and the batch's size; `None` if it was signed alone.
    pub fn batch_place(&self) -> Option<(u32, u32)> {
        self.place().map(|place| (place.index, place.size))
    }

    /// Returns the Ed25519 signature, which is the same for all documents of a batch.
    pub fn ed25519(&self) -> &[u8; ED25519_BYTES] {
        // No signature is shorter.
        self.0.first_chunk().unwrap_or(&[0; ED25519_BYTES])
    }

    pub(crate) fn of_one(signature: [u8; ED25519_BYTES]) -> Self {
        Self(Bytes::copy_from_slice(&signature))
    }

    /// Signs documents together, from the hashes of their encodings, of which there are 2 to [`BATCH_DOCUMENTS_MAX`].
    pub(crate) fn of_batch(key: &KeyPair, leaves: Vec<Hash>) -> Vec<Self> {
        let size = u32::try_from(leaves.len()).unwrap_or(u32::MAX);
        let tree = Tree::new(leaves);
        let ed25519 = key.sign(&statement(&tree.root(), size));
        (0..size).map(|index| Self::of_member(&ed25519, index, size, &tree)).collect()
    }

    /// Returns the signature of one document of a batch.
    pub(crate) fn of_member(ed25519: &[u8; ED25519_BYTES], index: u32, size: u32, tree: &Tree) -> Self {
        let mut bytes = ed25519.to_vec();
        bytes.extend(index.to_be_bytes());
        bytes.extend(size.to_be_bytes());
        tree.path(index as usize).for_each(|sibling| bytes.extend(sibling));
        Self(bytes.into())
    }

    /// Returns true if this is the signature of `key` over a document with this encoding and hash. A signature of a document alone
    /// is checked by `check_single`, with or without memory.
    pub(crate) fn holds(
        &self,
        key: &Id,
        encoding: impl FnOnce() -> Vec<u8>,
        leaf: impl FnOnce() -> Hash,
        check_single: Check,
    ) -> bool {
        let Some(ed25519) = self.0.first_chunk() else { return false };
        match self.place() {
            None => self.0.len() == ED25519_BYTES && check_single(key, &encoding(), ed25519),
            Some(Place { index, size, path }) => root_of(leaf(), index, size, path)
                // The members of a batch come together, and share one check.
                .is_some_and(|root| verified::verifies(key, &statement(&root, size), ed25519)),
        }
    }

    /// Returns the place in a batch; `None` if the length is not a batch member's.
    fn place(&self) -> Option<Place<'_>> {
        let (front, path) = self.0.split_at_checked(PLACE_BYTES)?;
        let (path, rest) = path.as_chunks();
        let number = |at: usize| front.get(at..).and_then(|bytes| bytes.first_chunk()).copied().map(u32::from_be_bytes);
        let (index, size) = (number(ED25519_BYTES)?, number(ED25519_BYTES + 4)?);
        (rest.is_empty() && !path.is_empty()).then_some(Place { index, size, path })
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", hex::encode(&self.0))
    }
}

/// A member's place in its batch.
struct Place<'a> {
    index: u32,
    size: u32,
    path: &'a [Hash],
}

/// Returns what is signed for a batch: the DSSE encoding of the root and the size.
fn statement(root: &Hash, size: u32) -> Vec<u8> {
    let mut payload = root.to_vec();
    payload.extend(u64::from(size).to_be_bytes());
    crate::envelope::encoding(BATCH_TYPE, &payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Envelope;

    const TYPE: &str = "application/x";

    fn batch(key: &KeyPair, count: usize) -> Vec<Envelope> {
        let payloads = (0..count).map(|number| Bytes::from(format!("{{\"number\":{number}}}"))).collect();
        Envelope::sign_all(key, TYPE, payloads)
    }

    #[test]
    fn each_document_of_a_batch_holds_alone() {
        let key = KeyPair::generate();
        for count in [2, 3, 7, 64, 100, 1000] {
            for (number, envelope) in batch(&key, count).iter().enumerate() {
                assert_eq!(envelope.verify(), Ok(()), "document {number} of {count}");
                assert_eq!(envelope.signature.batch_size() as usize, count);
                let read = Envelope::from_json(&envelope.to_json()).unwrap();
                assert_eq!(&read, envelope);
            }
        }
    }

    #[test]
    fn one_document_alone_is_signed_as_dsse_says() {
        let key = KeyPair::generate();
        let alone = Envelope::sign(&key, TYPE, Bytes::from_static(b"{}"));
        assert_eq!(Envelope::sign_all(&key, TYPE, vec![Bytes::from_static(b"{}")]), std::slice::from_ref(&alone));
        assert_eq!((alone.signature.as_bytes().len(), alone.signature.batch_size()), (64, 1));
        assert!(key.id().verifies(&alone.encoding(), alone.signature.as_bytes().first_chunk().unwrap()));
    }

    #[test]
    fn more_than_a_batch_holds_become_several() {
        let key = KeyPair::generate();
        let all = batch(&key, BATCH_DOCUMENTS_MAX as usize + 1);
        assert!(all.iter().all(|envelope| envelope.verify().is_ok()));
        assert_eq!(all.last().map(|last| last.signature.batch_size()), Some(1));
    }

    #[test]
    fn nothing_can_be_changed() {
        let key = KeyPair::generate();
        let all = batch(&key, 5);
        let genuine = &all[3];
        // Remembered as valid, so that no change can profit from the memory.
        genuine.verify().unwrap();
        let bytes = genuine.signature.as_bytes();
        for at in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1;
            let forged =
                Signature::from_bytes(changed.into()).map(|signature| Envelope { signature, ..genuine.clone() });
            assert!(forged.and_then(|forged| forged.verify()).is_err(), "byte {at}");
        }
        let elsewhere = Envelope { signature: all[2].signature.clone(), ..genuine.clone() };
        let by_another = Envelope { key_id: KeyPair::generate().id(), ..genuine.clone() };
        let of_another_type = Envelope { payload_type: "application/y".to_owned(), ..genuine.clone() };
        let another = Envelope { payload: Bytes::from_static(b"{}"), ..genuine.clone() };
        for forged in [elsewhere, by_another, of_another_type, another] {
            assert!(forged.verify().is_err(), "{forged:?}");
        }
    }

    #[test]
    fn the_root_of_a_batch_is_no_document_and_a_document_is_no_root() {
        let key = KeyPair::generate();
        let all = batch(&key, 2);
        let tree = Tree::new(all.iter().map(|envelope| envelope.digest().0).collect());
        let ed25519 = *all[0].signature.as_bytes().first_chunk().unwrap();
        // The batch's signature, shown as the signature of a document that is the root.
        let payload = [&tree.root()[..], &2_u64.to_be_bytes()].concat();
        let shown = |payload_type: &str| Envelope {
            payload_type: payload_type.to_owned(),
            payload: payload.clone().into(),
            key_id: key.id(),
            signature: Signature::of_one(ed25519),
        };
        assert!(shown(TYPE).verify().is_err());
        // It is one over the batch's own type, which no document has.
        assert_eq!(shown(BATCH_TYPE).verify(), Ok(()));
        assert!(matches!(shown(BATCH_TYPE).open::<crate::Spec>(), Err(EnvelopeError::Type { .. })));
    }

    #[test]
    fn only_bytes_that_may_be_a_signature_are_read_as_one() {
        let read = |bytes: Vec<u8>| Signature::from_bytes(bytes.into());
        for length in [0, 63, 65, 72, 103, 105, 135] {
            assert_eq!(read(vec![0; length]), Err(EnvelopeError::SignatureLength(length)));
        }
        let member =
            |index: u32, size: u32| read([&[0; 64][..], &index.to_be_bytes(), &size.to_be_bytes(), &[0; 32]].concat());
        for (index, size) in [(0, 0), (0, 1), (2, 2), (0, BATCH_DOCUMENTS_MAX + 1), (u32::MAX, u32::MAX)] {
            assert_eq!(member(index, size), Err(EnvelopeError::SignatureBatch { index, size }));
        }
        assert!(member(1, 2).is_ok());
    }
}
