//! Finished processes that are in no object, whole.

use std::collections::HashMap;
use std::sync::Arc;

use apiary_identity::{Document as _, Grant, Id};
use apiary_store::model::{Colony, FinishedCursor, FinishedProcess, GrantKey, Page, ProcessSummary, StoredGrant};
use bytes::Bytes;
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::limits::{ARCHIVE_READ_ROWS, PAGE_BYTES_MAX};

/// Bytes of a process's, an attempt's or a line's numbers and names in an answer, at the most.
const FRAME_BYTES: usize = 2048;

/// A finished process, with the grants and revocations that prove it.
pub(crate) struct UnarchivedProcess {
    /// The process.
    pub(crate) process: FinishedProcess,
    /// The process as it is shown.
    pub(crate) summary: ProcessSummary,
    /// The grants that it names.
    pub(crate) grants: HashMap<GrantKey, Arc<StoredGrant>>,
    /// Revocations of these grants: signed bytes and signatures, by the colony.
    pub(crate) revocations: Vec<(Bytes, Vec<u8>)>,
}

/// A page of finished processes.
#[derive(Default)]
pub(crate) struct UnarchivedPage {
    /// The processes, in the order of their ends.
    pub(crate) processes: Vec<UnarchivedProcess>,
    /// The start of the next page, if there may be one.
    pub(crate) next: Option<FinishedCursor>,
    /// Processes that are too large for an answer.
    pub(crate) oversized: Vec<Uuid>,
}

impl Engine {
    /// Returns finished processes of a range of time that are in no object, with everything that proves them.
    pub(crate) async fn list_unarchived(
        &self,
        permit: Permit<action::ListUnarchived>,
        from_ms: i64,
        until_ms: i64,
        page: Page<FinishedCursor>,
    ) -> Result<UnarchivedPage, Error> {
        let colony = permit.colony();
        let size = usize::try_from(page.size).unwrap_or(0);
        let mut cursor = page.after.unwrap_or(FinishedCursor { finished_at_ms: from_ms, process_id: Uuid::nil() });
        let (mut answer, mut bytes) = (UnarchivedPage::default(), 0);
        // Few at a time: a process may have megabytes.
        while answer.processes.len() < size {
            let found = self.store.list_unarchived(colony.key, cursor, until_ms, ARCHIVE_READ_ROWS).await?;
            let is_last = i64::try_from(found.len()).is_ok_and(|count| count < ARCHIVE_READ_ROWS);
            for process in self.with_proof(colony, found).await? {
                let own = bytes_of(&process);
                if bytes + own > PAGE_BYTES_MAX && !answer.processes.is_empty() || answer.processes.len() >= size {
                    answer.next = Some(cursor);
                    return Ok(answer);
                }
                cursor = process.process.cursor();
                if own > PAGE_BYTES_MAX {
                    answer.oversized.push(process.process.process_id);
                    continue;
                }
                bytes += own;
                answer.processes.push(process);
            }
            if is_last {
                return Ok(answer);
            }
        }
        answer.next = Some(cursor);
        Ok(answer)
    }

    /// Adds grants, revocations, and what is shown.
    async fn with_proof(&self, colony: &Colony, found: Vec<FinishedProcess>) -> Result<Vec<UnarchivedProcess>, Error> {
        let mut keys: Vec<GrantKey> = found.iter().flat_map(grant_keys).collect();
        keys.sort_unstable();
        keys.dedup();
        let grants = self.store.grants_by_key(&keys).await?;
        let ids: Vec<Uuid> = grants
            .iter()
            .filter_map(|grant| Grant::from_json(&grant.payload).ok())
            .map(|grant| grant.grant_id)
            .collect();
        let revoked = grants.iter().any(|grant| grant.revoked_from_ms.is_some());
        let holders: Vec<Id> = grants.iter().filter_map(|grant| Id::from_slice(&grant.grantee).ok()).collect();
        // Few grants are revoked, and most pages need no further statement.
        let revocations = if revoked { self.store.revocations(colony.key, &ids, &holders).await? } else { Vec::new() };
        let grants: HashMap<GrantKey, Arc<StoredGrant>> =
            grants.into_iter().map(|grant| (grant.key, Arc::new(grant))).collect();
        let ids: Vec<Uuid> = found.iter().map(|process| process.process_id).collect();
        let summaries = self.store.summaries(&ids).await?;
        let mut summaries: HashMap<Uuid, ProcessSummary> =
            summaries.into_iter().map(|summary| (summary.process_id, summary)).collect();
        let proved = found.into_iter().filter_map(|process| {
            let own: HashMap<_, _> =
                grant_keys(&process).filter_map(|key| Some((key, grants.get(&key)?.clone()))).collect();
            let is_revoked = own.values().any(|grant| grant.revoked_from_ms.is_some());
            let revocations = if is_revoked { revocations.clone() } else { Vec::new() };
            // One that was redriven between the two reads is left out.
            let summary =
                summaries.remove(&process.process_id).filter(|summary| summary.since_ms == process.finished_at_ms)?;
            Some(UnarchivedProcess { process, summary, grants: own, revocations })
        });
        Ok(proved.collect())
    }
}

fn grant_keys(process: &FinishedProcess) -> impl Iterator<Item = GrantKey> {
    process.attempts.iter().map(|attempt| attempt.executor).chain([process.submitter])
}

fn bytes_of(unarchived: &UnarchivedProcess) -> usize {
    let process = &unarchived.process;
    let grant = |key: GrantKey| unarchived.grants.get(&key).map_or(0, |grant| grant.payload.len());
    let attempts = process.attempts.iter().map(|attempt| {
        let result = attempt.result.as_ref().map_or(0, |(payload, _)| payload.len());
        FRAME_BYTES + grant(attempt.executor) + result + attempt.reason.as_ref().map_or(0, String::len)
    });
    let logs = process.logs.iter().map(|line| 256 + line.message.len() + line.fields.as_ref().map_or(0, String::len));
    let attributes = process.attributes.iter().map(|one| 256 + one.key.len() + one.value.len());
    let progress = process.progress.as_ref().map_or(0, |last| {
        let checkpoint = last.checkpoint.as_ref().map_or(0, |(_, payload, _)| payload.len());
        FRAME_BYTES + last.document.0.len() + checkpoint + last.message.as_ref().map_or(0, String::len)
    });
    let revocations: usize = unarchived.revocations.iter().map(|(payload, _)| FRAME_BYTES + payload.len()).sum();
    // The spec's labels are shown, too.
    2 * process.payload.len()
        + 2 * FRAME_BYTES
        + grant(process.submitter)
        + attempts.chain(logs).chain(attributes).sum::<usize>()
        + progress
        + revocations
}
