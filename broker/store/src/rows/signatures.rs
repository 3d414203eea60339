//! Rows about signatures over many documents.

use std::sync::Arc;

use apiary_identity::SignedBatch;

use super::{Columns, Fields};
use crate::StoreResult;
use crate::signatures::BatchKey;

/// Reads the bytes of a batch from `signed`; `None` if the row's signature refers to no batch, or to one that is not there.
pub fn signed(row: &dyn Columns) -> StoreResult<Option<Vec<u8>>> {
    Fields::of_summary(row, "signature_batches").bytes_if_any("signed")
}

/// Reads a batch from `batch, signed`; `None` for a damaged one.
pub fn signature_batch(row: &dyn Columns) -> StoreResult<Option<(BatchKey, Arc<SignedBatch>)>> {
    let fields = Fields::of_summary(row, "signature_batches");
    let key = BatchKey::try_from(fields.bytes("batch")?);
    let batch = SignedBatch::from_bytes(&fields.bytes("signed")?);
    Ok(key.ok().zip(batch.ok()).map(|(key, batch)| (key, Arc::new(batch))))
}
