//! A batch's signature with the hashes of all its documents, from which the signature of each member is computed.

use crate::batch::{Hash, Tree};
use crate::limits::BATCH_DOCUMENTS_MAX;
use crate::signature::ED25519_BYTES;
use crate::{Digest, EnvelopeError, Signature};

/// Ed25519 signature over many documents, with the digests of all: 32 bytes for each, where each document's own signature has a path.
/// Unverified.
pub struct SignedBatch {
    ed25519: [u8; ED25519_BYTES],
    tree: Tree,
    size: u32,
}

impl SignedBatch {
    /// Builds the batch of a member's signature, from the digests of all its documents in their order. `None` if their number is not that
    /// in the signature, or if the signature is of a document alone.
    pub fn new(of: &Signature, digests: impl IntoIterator<Item = Digest>) -> Option<Self> {
        let leaves: Vec<Hash> = digests.into_iter().map(|digest| digest.0).collect();
        let (_, size) = of.batch_place()?;
        (usize::try_from(size) == Ok(leaves.len())).then(|| Self::build(*of.ed25519(), leaves, size))
    }

    /// Reads a batch from the bytes of [`to_bytes`](Self::to_bytes).
    ///
    /// # Errors
    ///
    /// [`EnvelopeError::SignatureLength`] for a length that no batch has.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let length = || EnvelopeError::SignatureLength(bytes.len());
        let (ed25519, leaves) = bytes.split_first_chunk().ok_or_else(length)?;
        let (leaves, rest) = leaves.as_chunks();
        let size = u32::try_from(leaves.len()).map_err(|_| length())?;
        match rest.is_empty() && (2..=BATCH_DOCUMENTS_MAX).contains(&size) {
            true => Ok(Self::build(*ed25519, leaves.to_vec(), size)),
            false => Err(length()),
        }
    }

    /// Returns the Ed25519 signature and the digests.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.ed25519[..], self.tree.leaves().as_flattened()].concat()
    }

    /// Returns the number of documents.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Returns the signature of the document at this index, with its path; `None` if there is no such document.
    pub fn member(&self, index: u32) -> Option<Signature> {
        (index < self.size).then(|| Signature::of_member(&self.ed25519, index, self.size, &self.tree))
    }

    fn build(ed25519: [u8; ED25519_BYTES], leaves: Vec<Hash>, size: u32) -> Self {
        Self { ed25519, tree: Tree::new(leaves), size }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{Envelope, KeyPair};

    fn signed(count: usize) -> Vec<Envelope> {
        let payloads = (0..count).map(|number| Bytes::from(format!("{{\"number\":{number}}}"))).collect();
        Envelope::sign_all(&KeyPair::from_seed(&[7; 32]), "application/x", payloads)
    }

    #[test]
    fn every_member_has_the_signature_that_it_was_signed_with() {
        for count in [2, 3, 7, 100, 1024] {
            let documents = signed(count);
            let digests = documents.iter().map(Envelope::digest);
            let batch = SignedBatch::new(&documents[count - 1].signature, digests).unwrap();
            let bytes = batch.to_bytes();
            assert_eq!(bytes.len(), 64 + 32 * count);
            for batch in [batch, SignedBatch::from_bytes(&bytes).unwrap()] {
                for (index, document) in (0..).zip(&documents) {
                    assert_eq!(batch.member(index).as_ref(), Some(&document.signature), "{index} of {count}");
                    assert_eq!(document.signature.batch_place(), Some((index, batch.size())));
                }
                assert_eq!(batch.member(batch.size()), None);
            }
        }
    }

    #[test]
    fn a_batch_is_of_all_its_documents() {
        let documents = signed(5);
        let digests = || documents.iter().map(Envelope::digest);
        assert!(SignedBatch::new(&documents[0].signature, digests().take(4)).is_none());
        assert!(SignedBatch::new(&documents[0].signature, digests().chain(digests().take(1))).is_none());
        assert!(SignedBatch::new(&signed(1)[0].signature, digests().take(1)).is_none());
    }

    #[test]
    fn only_bytes_that_may_be_a_batch_are_read_as_one() {
        let most = 64 + 32 * BATCH_DOCUMENTS_MAX as usize;
        for length in [0, 63, 64, 96, 127, 129, most + 32] {
            assert_eq!(SignedBatch::from_bytes(&vec![0; length]).err(), Some(EnvelopeError::SignatureLength(length)));
        }
        assert!(SignedBatch::from_bytes(&vec![0; most]).is_ok() && SignedBatch::from_bytes(&[0; 128]).is_ok());
    }
}
