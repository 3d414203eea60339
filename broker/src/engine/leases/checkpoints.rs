//! Checkpoints of earlier attempts, handed out with the claim; the executor verifies them. A checkpoint under a revoked grant
//! is left out: the colony no longer trusts its signer.

use std::collections::HashMap;
use std::sync::Arc;

use apiary_store::model::{StoredGrant, StoredProgress};
use uuid::Uuid;

use crate::Error;
use crate::engine::Engine;
use crate::engine::leases::claim::LeaseWithProof;

/// A checkpoint with its signer's grant. Both are as the database holds them: the executor verifies them.
pub(crate) struct Checkpoint {
    /// The signed progress that carries it; `None` until it is read.
    pub(crate) progress: Option<StoredProgress>,
    /// The grant of the executor that signed it; `None` if the database lost it.
    pub(crate) executor: Option<Arc<StoredGrant>>,
    bytes: usize,
}

impl Checkpoint {
    /// Returns the bytes that it adds to an answer.
    pub(in crate::engine) fn bytes(&self) -> usize {
        self.bytes + self.executor.as_ref().map_or(0, |grant| grant.payload.len())
    }
}

impl Engine {
    /// Notes the sizes of the checkpoints of processes that were tried before: a checkpoint that does not fit into the answer
    /// is never read. For first attempts, as usual, the database is not asked.
    pub(in crate::engine) async fn weigh_checkpoints(&self, leases: &mut [LeaseWithProof]) -> Result<(), Error> {
        let again = leases.iter().filter(|leased| leased.claimed.attempt > 1);
        let again: Vec<Uuid> = again.map(|leased| leased.claimed.process_id).collect();
        if again.is_empty() {
            return Ok(());
        }
        let sizes = self.store.checkpoint_sizes(&again).await?;
        let grants = self.grants.stored(sizes.iter().map(|size| size.executor)).await?;
        let sizes: HashMap<_, _> = sizes.into_iter().map(|size| (size.process_id, size)).collect();
        for leased in leases {
            leased.checkpoint = sizes.get(&leased.claimed.process_id).map(|size| Checkpoint {
                progress: None,
                executor: grants.get(&size.executor).cloned(),
                bytes: size.bytes,
            });
        }
        Ok(())
    }

    /// Reads the checkpoints whose sizes were noted.
    pub(in crate::engine) async fn read_checkpoints(&self, leases: &mut [LeaseWithProof]) -> Result<(), Error> {
        let noted = leases.iter().filter(|leased| leased.checkpoint.is_some());
        let noted: Vec<Uuid> = noted.map(|leased| leased.claimed.process_id).collect();
        if noted.is_empty() {
            return Ok(());
        }
        let found = self.store.checkpoints(&noted).await?;
        let mut found: HashMap<_, _> = found.into_iter().map(|progress| (progress.process_id, progress)).collect();
        for leased in leases {
            if let Some(checkpoint) = &mut leased.checkpoint {
                checkpoint.progress = found.remove(&leased.claimed.process_id);
            }
        }
        Ok(())
    }
}
