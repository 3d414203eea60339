//! The processes and payloads that a caller sees. A process that it does not see is answered like one that does not exist.

use std::collections::HashSet;

use apiary_identity::Id;
use apiary_store::model::{GrantKey, LogLine, ProcessSummary};
use uuid::Uuid;

use crate::Error;
use crate::auth::Permit;
use crate::auth::action::Action;
use crate::engine::Engine;
use crate::engine::processes::operations::no_process;
use crate::grant_cache::GrantCache;

impl Engine {
    /// Fails, as for a process that does not exist, unless the permit shows the process that was submitted under this grant.
    pub(in crate::engine) async fn check_shown<A: Action>(
        &self,
        permit: &Permit<A>,
        process_id: Uuid,
        submitter: GrantKey,
    ) -> Result<(), Error> {
        match permit.own_only() {
            Some(key) if !self.grants.is_any_of(&key, [submitter]).await? => {
                Err(no_process(permit.colony(), process_id))
            }
            _ => Ok(()),
        }
    }

    /// True if the payloads of a process are not for the caller, who neither may see all, nor submitted it, nor ran it.
    pub(in crate::engine) async fn hides_payloads<A: Action>(
        &self,
        permit: &Permit<A>,
        submitter: GrantKey,
        executors: impl IntoIterator<Item = GrantKey>,
    ) -> Result<bool, Error> {
        if permit.shows_payloads() {
            return Ok(false);
        }
        let grants: Vec<_> = executors.into_iter().chain([submitter]).collect();
        Ok(!self.grants.is_any_of(&permit.key(), grants).await?)
    }

    /// Keeps those of these processes that the caller sees.
    pub(in crate::engine) async fn shown_among<A: Action>(
        &self,
        permit: &Permit<A>,
        process_ids: &mut Vec<Uuid>,
    ) -> Result<(), Error> {
        if let Some(key) = permit.own_only().filter(|_| !process_ids.is_empty()) {
            let own = submitted_by(&self.grants, &key, self.store.summaries(process_ids).await?).await?;
            process_ids.retain(|process_id| own.iter().any(|process| process.process_id == *process_id));
        }
        Ok(())
    }

    /// Hides the text of those log lines that are of other submitters' processes.
    pub(in crate::engine) async fn hide_others(&self, key: &Id, lines: &mut [LogLine]) -> Result<(), Error> {
        let ids: HashSet<Uuid> = lines.iter().map(|line| line.process_id).collect();
        let ids: Vec<Uuid> = ids.into_iter().collect();
        let own = submitted_by(&self.grants, key, self.store.summaries(&ids).await?).await?;
        let own: HashSet<Uuid> = own.into_iter().map(|process| process.process_id).collect();
        lines.iter_mut().filter(|line| !own.contains(&line.process_id)).for_each(hide);
        Ok(())
    }
}

/// Returns those of these processes that a key submitted.
pub(super) async fn submitted_by(
    grants: &GrantCache,
    key: &Id,
    mut processes: Vec<ProcessSummary>,
) -> Result<Vec<ProcessSummary>, Error> {
    let known = grants.stored(processes.iter().map(|process| process.submitter_grant)).await?;
    processes.retain(|process| known.get(&process.submitter_grant).is_some_and(|grant| grant.is_of(key)));
    Ok(processes)
}

/// Takes the text out of a log line.
pub(super) fn hide(line: &mut LogLine) {
    line.message.clear();
    line.fields = None;
    line.is_hidden = true;
}
