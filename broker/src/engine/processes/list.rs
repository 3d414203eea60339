//! Listing processes.

use apiary_store::model::{Colony, Page, ProcessCursor, ProcessFilter, ProcessPage, ProcessSummary, cut_to_bytes};
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::limits::PAGE_BYTES_MAX;

/// Bytes of a summary's ids, names, numbers and words, at the most; its labels come on top.
const SUMMARY_BYTES: usize = 6 * 1024;
/// Bytes that a label's frame adds.
const LABEL_FRAME_BYTES: usize = 16;

impl Engine {
    /// Returns a page of the colony's processes that match, newest first. It may be short or empty, and the list go on.
    pub(crate) async fn list_processes(
        &self,
        permit: Permit<action::ListProcesses>,
        mut filter: ProcessFilter,
        page: Page<ProcessCursor>,
    ) -> Result<ProcessPage, Error> {
        filter.own = permit.own_only();
        if filter.own.is_none() {
            self.check_names(permit.colony(), &filter).await?;
        }
        let mut found = self.store.list_processes(permit.colony().key, &filter, page).await?;
        let is_cut = !cut_to_bytes(&mut found.processes, PAGE_BYTES_MAX, bytes_of).is_empty();
        if let Some(last) = found.processes.last().filter(|_| is_cut) {
            found.next = Some(ProcessCursor { submitted_at_ms: last.submitted_at_ms, process_id: last.process_id });
        }
        if filter.own.is_some() {
            found.next = found.next.map(|next| blurred(next, &found));
        }
        Ok(found)
    }

    /// Rejects a filter by a name that was never granted: it is a mistake, not an empty list.
    pub(in crate::engine) async fn check_names(&self, colony: &Colony, filter: &ProcessFilter) -> Result<(), Error> {
        for (field, name) in [("submitter", &filter.submitter), ("executor", &filter.executor)] {
            if let Some(name) = name
                && !self.store.is_named(colony.key, name).await?
            {
                return Err(Error::NotFound(format!(
                    "`filter.{field}`: no grant in colony `{}` was ever given to a `{name}`: `apiary grant list` has the names",
                    colony.name
                )));
            }
        }
        Ok(())
    }
}

/// Returns the end of a page without the whole id of a process that is not on the page. What is cut off is too little to meet another
/// process of the same millisecond, and too much to guess.
fn blurred(next: ProcessCursor, page: &ProcessPage) -> ProcessCursor {
    const CUT_BYTES: usize = 4;
    if page.processes.iter().any(|process| process.process_id == next.process_id) {
        return next;
    }
    let mut bytes = next.process_id.into_bytes();
    bytes.iter_mut().rev().take(CUT_BYTES).for_each(|byte| *byte = 0);
    ProcessCursor { process_id: Uuid::from_bytes(bytes), ..next }
}

fn bytes_of(process: &ProcessSummary) -> usize {
    let labels = process.labels.iter().map(|(key, value)| key.len() + value.len() + LABEL_FRAME_BYTES);
    SUMMARY_BYTES + labels.sum::<usize>()
}
