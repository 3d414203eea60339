//! The stored form of signatures over many documents: each member refers to the batch, which is stored once.
//!
//! A member's signature has its path, 32 bytes for each doubling of the batch. The batch has 32 bytes for each member, from which all
//! paths are computed. So a batch whose documents are stored together is stored once (`signature_batches`), and a member's column has
//! the batch's key and the member's index. Its length distinguishes it from a signature alone, and from one with a path.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apiary_identity::{Digest, RecentMap, Signature, SignedBatch};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::limits::SIGNED_DIGESTS_REMEMBERED_MAX;

const KEY_BYTES: usize = 16;
/// Bytes of a reference. No signature has this length.
const REFERENCE_BYTES: usize = KEY_BYTES + 4;

/// Key of a batch: the first bytes of the SHA-256 of its bytes, so that a batch that comes twice is stored once.
pub type BatchKey = [u8; KEY_BYTES];

/// A batch to store.
pub struct StoredBatch {
    /// The key.
    pub key: BatchKey,
    /// The Ed25519 signature, and the digest of each document.
    pub signed: Vec<u8>,
    /// The batch, to read signatures from.
    pub batch: Arc<SignedBatch>,
}

/// Signatures as they are stored.
pub struct PackedSignatures {
    /// The signatures, in the order of the documents.
    pub signatures: Vec<Bytes>,
    /// The batches that they refer to.
    pub batches: Vec<StoredBatch>,
}

/// Returns the signatures of these documents as they are stored. A batch all of whose documents are among these gets references; members
/// of any other keep their paths.
pub fn pack<T>(
    documents: &[T],
    signature: impl Fn(&T) -> &Signature,
    digest: impl Fn(&T) -> Digest,
) -> PackedSignatures {
    let mut groups: HashMap<(&[u8; 64], u32), Vec<usize>> = HashMap::new();
    for (at, document) in documents.iter().enumerate() {
        let signature = signature(document);
        if let Some((_, size)) = signature.batch_place() {
            groups.entry((signature.ed25519(), size)).or_default().push(at);
        }
    }
    let mut packed = PackedSignatures {
        signatures: documents.iter().map(|document| signature(document).to_bytes()).collect(),
        batches: Vec::new(),
    };
    for ((_, size), members) in groups {
        let Some(batch) = whole(documents, &members, size, &signature, &digest) else { continue };
        let signed = batch.to_bytes();
        let key = key(&signed);
        for at in members {
            let own = signature(&documents[at]);
            let Some((index, _)) = own.batch_place() else { continue };
            // A signature that does not hold must come back as it came, too.
            if batch.member(index).as_ref() == Some(own) {
                packed.signatures[at] = [&key[..], &index.to_be_bytes()].concat().into();
            }
        }
        packed.batches.push(StoredBatch { key, signed, batch: Arc::new(batch) });
    }
    packed
}

/// Builds the batch of these members, if all of its documents are there.
fn whole<T>(
    documents: &[T],
    members: &[usize],
    size: u32,
    signature: impl Fn(&T) -> &Signature,
    digest: impl Fn(&T) -> Digest,
) -> Option<SignedBatch> {
    let size = usize::try_from(size).ok()?;
    if members.len() < size {
        return None;
    }
    let mut digests = vec![None; size];
    for at in members {
        let (index, _) = signature(&documents[*at]).batch_place()?;
        *digests.get_mut(usize::try_from(index).ok()?)? = Some(digest(&documents[*at]));
    }
    let digests = digests.into_iter().collect::<Option<Vec<_>>>()?;
    SignedBatch::new(signature(&documents[*members.first()?]), digests)
}

fn key(signed: &[u8]) -> BatchKey {
    let hash: [u8; 32] = Sha256::digest(signed).into();
    std::array::from_fn(|at| hash[at])
}

/// Returns the batch and the index that a stored signature refers to; `None` if it is a signature itself.
pub fn reference(stored: &[u8]) -> Option<(BatchKey, u32)> {
    let (key, index) = stored.split_first_chunk()?;
    (stored.len() == REFERENCE_BYTES).then_some((*key, u32::from_be_bytes(index.try_into().ok()?)))
}

/// Returns the signature that was stored, with the bytes of the batch that it refers to. A reference without its batch is returned as it
/// is stored, like a damaged document: whoever checks the signature finds the damage.
pub fn unpack(stored: Vec<u8>, signed: Option<&[u8]>) -> Vec<u8> {
    let batch = signed.and_then(|signed| SignedBatch::from_bytes(signed).ok());
    unpack_from(stored, |_| batch.as_ref())
}

/// Returns the signature that was stored, with the batch that `find` has for its key.
pub fn unpack_from<'a>(stored: Vec<u8>, find: impl FnOnce(&BatchKey) -> Option<&'a SignedBatch>) -> Vec<u8> {
    let member = reference(&stored).and_then(|(key, index)| find(&key)?.member(index));
    member.map_or(stored, |signature| signature.as_bytes().to_vec())
}

/// Batches that were stored or read recently. Most work is claimed soon after its submission, from the same broker.
pub struct BatchCache(Mutex<RecentMap<BatchKey, Arc<SignedBatch>>>);

impl Default for BatchCache {
    fn default() -> Self {
        Self(Mutex::new(RecentMap::new(SIGNED_DIGESTS_REMEMBERED_MAX)))
    }
}

impl BatchCache {
    /// Remembers a batch.
    pub fn add(&self, key: BatchKey, batch: Arc<SignedBatch>) {
        let digests = usize::try_from(batch.size()).unwrap_or(usize::MAX);
        self.lock().add(key, batch, digests);
    }

    /// Returns the batches that these stored signatures refer to, as far as they are remembered, and the keys of the others.
    pub fn find<'a>(
        &self,
        stored: impl Iterator<Item = &'a [u8]>,
    ) -> (HashMap<BatchKey, Arc<SignedBatch>>, Vec<BatchKey>) {
        let remembered = self.lock();
        let (mut found, mut missing) = (HashMap::new(), Vec::new());
        for (key, _) in stored.filter_map(reference) {
            if found.contains_key(&key) || missing.contains(&key) {
                continue;
            }
            match remembered.get(&key) {
                Some(batch) => drop(found.insert(key, Arc::clone(batch))),
                None => missing.push(key),
            }
        }
        (found, missing)
    }

    fn lock(&self) -> MutexGuard<'_, RecentMap<BatchKey, Arc<SignedBatch>>> {
        // Valid after a panic: the map is never left half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use apiary_identity::{Envelope, KeyPair};

    use super::*;

    fn signed(seed: u8, count: usize) -> Vec<Envelope> {
        let payloads = (0..count).map(|number| Bytes::from(format!("{{\"number\":{number}}}"))).collect();
        Envelope::sign_all(&KeyPair::from_seed(&[seed; 32]), "application/x", payloads)
    }

    fn packed(documents: &[Envelope]) -> PackedSignatures {
        pack(documents, |envelope| &envelope.signature, Envelope::digest)
    }

    /// Fails unless every signature comes back byte for byte. Returns the number of references and of batches.
    fn come_back(documents: &[Envelope]) -> (usize, usize) {
        let packed = packed(documents);
        let batches: HashMap<BatchKey, &[u8]> =
            packed.batches.iter().map(|batch| (batch.key, &batch.signed[..])).collect();
        for (stored, document) in packed.signatures.iter().zip(documents) {
            let signed = reference(stored).map(|(key, _)| batches[&key]);
            assert_eq!(unpack(stored.to_vec(), signed), document.signature.as_bytes());
        }
        (packed.signatures.iter().filter(|stored| stored.len() == REFERENCE_BYTES).count(), batches.len())
    }

    #[test]
    fn whole_batches_become_references() {
        assert_eq!(come_back(&[]), (0, 0));
        assert_eq!(come_back(&signed(1, 1)), (0, 0));
        let mut mixed = [signed(1, 100), signed(2, 1), signed(3, 7), signed(4, 8)[1..].to_vec()].concat();
        assert_eq!(come_back(&mixed), (107, 2));
        mixed.reverse();
        assert_eq!(come_back(&mixed), (107, 2));
        // A document twice: each refers to the same place.
        assert_eq!(come_back(&[signed(1, 3), signed(1, 3)].concat()), (6, 1));
    }

    #[test]
    fn what_the_leaves_do_not_say_is_stored_as_it_came() {
        let genuine = signed(1, 4);
        let bytes = genuine[2].signature.as_bytes();
        // The last byte of the path.
        let mut changed = bytes.to_vec();
        changed[bytes.len() - 1] ^= 1;
        let mut forged = genuine.clone();
        forged[2].signature = Signature::from_bytes(changed.into()).unwrap();
        assert_eq!(come_back(&forged), (3, 1));
        // Another document under a signature of the batch: none of the paths leads from it.
        let mut forged = genuine;
        forged[2].payload = Bytes::from_static(b"{}");
        let (references, _) = come_back(&forged);
        assert!(references < 4, "{references}");
    }

    #[test]
    fn a_batch_has_one_key() {
        let key = |documents: &[Envelope]| packed(documents).batches[0].key;
        assert_eq!(key(&signed(1, 5)), key(&signed(1, 5)));
        assert_ne!(key(&signed(1, 5)), key(&signed(2, 5)));
    }

    #[test]
    fn the_memory_of_batches_is_bounded() {
        let cache = BatchCache::default();
        let reference = |number: u32| [&number.to_be_bytes()[..], &[0; 16]].concat();
        let batch = Arc::clone(&packed(&signed(1, 1024)).batches[0].batch);
        for number in 0..200 {
            let stored = reference(number);
            let (key, _) = super::reference(&stored).unwrap();
            cache.add(key, Arc::clone(&batch));
            assert_eq!(cache.find([&stored[..], &stored[..]].into_iter()).0.len(), 1, "the latest is there");
        }
        let stored: Vec<Vec<u8>> = (0..200).map(reference).collect();
        let (found, missing) = cache.find(stored.iter().map(|stored| &stored[..]));
        assert!(found.len() * 1024 <= SIGNED_DIGESTS_REMEMBERED_MAX, "{}", found.len());
        assert_eq!(found.len() + missing.len(), 200);
    }
}
