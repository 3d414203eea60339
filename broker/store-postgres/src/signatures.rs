//! Signatures in Postgres, where one over many documents is stored once.

use apiary_database::{query, sql};
use apiary_store::model::{Attempt, ClaimedLease, ProcessRecord};
use apiary_store::signatures::{BatchCache, PackedSignatures, unpack, unpack_from};
use apiary_store::{StoreResult, rows};
use sqlx::postgres::PgRow;

use crate::column;
use crate::fault::Fault;
use crate::session::Session;

/// Returns the keys and the bytes of the batches, as columns.
pub(super) fn columns(packed: &PackedSignatures) -> (Vec<&[u8]>, Vec<&[u8]>) {
    (column(&packed.batches, |batch| &batch.key[..]), column(&packed.batches, |batch| &batch.signed[..]))
}

/// Reads a process from its row and `signed`, the batch of its signature.
pub(super) fn process_record(row: &PgRow) -> StoreResult<ProcessRecord> {
    let mut record = rows::process_record(row)?;
    record.signature = unpack(record.signature, rows::signed(row)?.as_deref());
    Ok(record)
}

/// Reads an attempt from its row and `signed`, the batch of the result's signature.
pub(super) fn attempt(row: &PgRow) -> StoreResult<Attempt> {
    let mut attempt = rows::attempt(row)?;
    if let Some((payload, signature)) = attempt.result.take() {
        attempt.result = Some((payload, unpack(signature, rows::signed(row)?.as_deref())));
    }
    Ok(attempt)
}

/// Replaces references with signatures. Reads the batches that are not remembered.
pub(super) async fn unpack_claimed(
    session: &mut Session,
    batches: &BatchCache,
    claimed: &mut [ClaimedLease],
) -> Result<(), Fault> {
    let (mut found, missing) = batches.find(claimed.iter().map(|lease| &lease.signature[..]));
    if !missing.is_empty() {
        let select = query(sql!("signatures/get.sql")).bind(column(&missing, |key| &key[..]));
        for row in session.rows(select).await? {
            // A damaged batch is treated as missing: the references to it are passed on as they are stored.
            let Some((key, batch)) = rows::signature_batch(&row)? else { continue };
            batches.add(key, batch.clone());
            found.insert(key, batch);
        }
    }
    for lease in claimed {
        let stored = std::mem::take(&mut lease.signature);
        lease.signature = unpack_from(stored, |key| found.get(key).map(|batch| &**batch));
    }
    Ok(())
}
