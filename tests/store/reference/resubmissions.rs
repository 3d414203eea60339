//! The reference's redrives by submitters: a spec with the key of a failed process puts it back, once.

use apiary_store::model::{GrantKey, NewProcess, ProcessState, Resubmission, SubmitResult};
use uuid::Uuid;

use super::{Process, Reference};

impl Reference {
    /// Creates a store with these users: the grants of each.
    pub(crate) fn of_users<'u>(users: impl IntoIterator<Item = &'u [GrantKey]>) -> Self {
        let number_all = |(number, grants): (usize, &'u [GrantKey])| grants.iter().map(move |grant| (grant.0, number));
        Self { users: users.into_iter().enumerate().flat_map(number_all).collect(), ..Self::default() }
    }

    pub(crate) fn submit_redrive(&mut self, batch: &[Resubmission], now_ms: i64) -> Vec<bool> {
        batch.iter().map(|spec| self.redrive_by(spec, now_ms)).collect()
    }

    /// Returns the processes that could be put back.
    pub(crate) fn failed(&self) -> Vec<Uuid> {
        let has_failed =
            |process: &&Process| matches!(process.state(), ProcessState::DeadLetter | ProcessState::Failed);
        self.processes.values().filter(has_failed).map(|process| process.spec.process_id).collect()
    }

    fn redrive_by(&mut self, spec: &Resubmission, now_ms: i64) -> bool {
        let is_known =
            |id| self.processes.contains_key(id) || self.deleted.contains_key(id) || self.redrove.contains_key(id);
        if is_known(&spec.process_id) {
            return false;
        }
        let Some(first) = self.processes.get_mut(&spec.first) else { return false };
        let is_of_user = self.users.get(&first.spec.submitter.0) == self.users.get(&spec.submitter.0);
        let redriven = is_of_user && first.redrive(now_ms);
        if redriven {
            self.redrove.insert(spec.process_id, (spec.digest, spec.first));
        }
        redriven
    }

    /// Returns the answer to a spec that has redriven a process before.
    pub(super) fn redriven_by(&self, spec: &NewProcess) -> Option<SubmitResult> {
        let (digest, first) = self.redrove.get(&spec.process_id)?;
        if *digest != spec.digest {
            return Some(SubmitResult::IdTaken);
        }
        let state = match self.processes.get(first) {
            Some(process) => process.state(),
            None => self.deleted.get(first)?.1,
        };
        Some(SubmitResult::Existed { process_id: *first, state })
    }
}
