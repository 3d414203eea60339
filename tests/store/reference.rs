//! Reference implementation of a store, in memory and as simple as possible, to which both back-ends are compared.

mod hand_over;
mod resubmissions;
mod waits;

use std::collections::{BTreeMap, BTreeSet};

use apiary_identity::Digest;
use apiary_store::model::{
    Cancel, ClaimSlot, Discard, Effect, Failure, GrantKey, LeaseEnd, LeaseRef, NewProcess, ProcessState, Release,
    Renewal, SubmitResult,
};
use uuid::Uuid;

use crate::standstill::Pauses;

/// A store in memory.
#[derive(Default)]
pub(crate) struct Reference {
    processes: BTreeMap<Uuid, Process>,
    /// Process and end of each idempotency key, by function.
    keys: BTreeMap<(String, String), (Uuid, i64)>,
    /// Deleted processes, with their state before the deletion.
    deleted: BTreeMap<Uuid, (NewProcess, ProcessState)>,
    /// Specs that redrove another process: the spec's digest, and the process.
    redrove: BTreeMap<Uuid, (Digest, Uuid)>,
    /// User of each grant.
    users: BTreeMap<i64, usize>,
    pauses: Pauses,
}

struct Process {
    spec: NewProcess,
    place: Place,
    attempt: i32,
    retries_spent: i32,
    since_ms: i64,
    /// Number, ending and reason of each ended attempt.
    attempts: Vec<(i32, &'static str, Option<String>)>,
    /// Reason of the end.
    reason: Option<String>,
    /// The operator who finished it, if any.
    ended_by: Option<String>,
    /// Mark of a lease that is being cancelled: the deadline, the reason, and the operator.
    mark: Option<(i64, String, String)>,
    /// Parents for which it waits, while blocked.
    parents: BTreeSet<Uuid>,
}

#[derive(Clone, Copy)]
enum Place {
    /// Waiting. If `stands_still`, a pause has stopped its `max_wait`, and nothing is due.
    Queue {
        stands_still: bool,
    },
    Blocked {
        until_ms: i64,
    },
    Lease {
        executor: i64,
        expires_at_ms: i64,
        exec_deadline_ms: Option<i64>,
    },
    Finished(ProcessState),
}

/// The compared parts of a new lease: slot, process, attempt, retries spent, end.
pub(crate) type Got = (usize, Uuid, i32, i32, i64);
/// The compared parts of a process: id, state, attempt, retries spent, since, until, reason, operator who ended it,
/// endings of its attempts.
pub(crate) type Shown =
    (Uuid, ProcessState, i32, i32, i64, Option<i64>, Option<String>, Option<String>, Vec<(i32, String)>);

impl Process {
    fn state(&self) -> ProcessState {
        match self.place {
            Place::Queue { .. } => ProcessState::Waiting,
            Place::Blocked { .. } => ProcessState::Blocked,
            Place::Lease { .. } => ProcessState::Running,
            Place::Finished(state) => state,
        }
    }

    fn queue(&mut self, now_ms: i64) {
        (self.place, self.since_ms) = (Place::Queue { stands_still: false }, now_ms);
    }

    fn block(&mut self, until_ms: i64, now_ms: i64) {
        (self.place, self.since_ms) = (Place::Blocked { until_ms }, now_ms);
    }

    fn finish(&mut self, state: ProcessState, reason: Option<String>, now_ms: i64) {
        (self.place, self.reason, self.since_ms) = (Place::Finished(state), reason, now_ms);
        self.parents.clear();
    }

    /// Begins an attempt; returns the end of its lease.
    fn lease(&mut self, executor: GrantKey, lease_ms: i64, now_ms: i64) -> i64 {
        let exec_deadline_ms = (self.spec.max_exec_ms > 0).then_some(now_ms + self.spec.max_exec_ms);
        let expires_at_ms = (now_ms + lease_ms).min(exec_deadline_ms.unwrap_or(i64::MAX));
        self.attempt += 1;
        self.since_ms = now_ms;
        self.place = Place::Lease { executor: executor.0, expires_at_ms, exec_deadline_ms };
        expires_at_ms
    }

    /// Puts the process back in the queue, if it failed.
    fn redrive(&mut self, now_ms: i64) -> bool {
        let fits = matches!(self.state(), ProcessState::DeadLetter | ProcessState::Failed);
        if fits {
            (self.retries_spent, self.reason, self.ended_by) = (0, None, None);
            self.queue(now_ms);
        }
        fits
    }

    /// Ends the attempt: the process becomes cancelled if it is marked, else `next` decides.
    fn end(
        &mut self,
        ending: &'static str,
        reason: Option<String>,
        now_ms: i64,
        next: impl FnOnce(&mut Self),
    ) -> LeaseEnd {
        self.attempts.push((self.attempt, ending, reason));
        match self.mark.take() {
            None => {
                next(self);
                LeaseEnd::Done
            }
            Some((_, reason, by)) => {
                self.finish(ProcessState::Cancelled, Some(reason), now_ms);
                self.ended_by = Some(by);
                LeaseEnd::Cancelled
            }
        }
    }

    /// Returns the end of the lease, if this token holds it.
    fn held_until(&self, lease: &LeaseRef) -> Option<i64> {
        match self.place {
            Place::Lease { executor, expires_at_ms, .. }
                if executor == lease.executor.0 && self.attempt == lease.attempt =>
            {
                Some(expires_at_ms)
            }
            _ => None,
        }
    }
}

impl Reference {
    pub(crate) fn submit(&mut self, batch: &[NewProcess], now_ms: i64) -> Vec<SubmitResult> {
        batch.iter().map(|process| self.submit_one(process, now_ms)).collect()
    }

    fn submit_one(&mut self, spec: &NewProcess, now_ms: i64) -> SubmitResult {
        if let Some(known) = self.processes.get(&spec.process_id) {
            // The same document by the same user, with whichever grant and whatever else was signed with it.
            let user = |grant: GrantKey| self.users.get(&grant.0);
            let is_same = known.spec.payload == spec.payload && user(known.spec.submitter) == user(spec.submitter);
            let existed = SubmitResult::Existed { process_id: spec.process_id, state: known.state() };
            return if is_same { existed } else { SubmitResult::IdTaken };
        }
        if let Some((known, state)) = self.deleted.get(&spec.process_id) {
            // Who signed a deleted spec is not kept.
            let is_same = known.payload == spec.payload;
            let existed = SubmitResult::Existed { process_id: spec.process_id, state: *state };
            return if is_same { existed } else { SubmitResult::IdTaken };
        }
        if let Some(answer) = self.redriven_by(spec) {
            return answer;
        }
        if let Some((key, expires_at_ms)) = &spec.idempotency {
            let key = (spec.function.clone(), key.clone());
            if let Some((first, _)) = self.keys.get(&key).filter(|(_, end_ms)| *end_ms > now_ms) {
                return SubmitResult::Existed { process_id: *first, state: self.processes[first].state() };
            }
            self.keys.insert(key, (spec.process_id, *expires_at_ms));
        }
        let mut process = Process {
            spec: spec.clone(),
            place: Place::Blocked { until_ms: spec.not_before_ms.map_or(now_ms, |until_ms| until_ms.max(now_ms)) },
            attempt: 0,
            retries_spent: 0,
            since_ms: now_ms,
            attempts: Vec::new(),
            reason: None,
            ended_by: None,
            mark: None,
            parents: spec.parents.iter().copied().collect(),
        };
        if process.parents.is_empty() && spec.not_before_ms.is_none_or(|until_ms| until_ms <= now_ms) {
            process.queue(now_ms);
        }
        let state = process.state();
        self.processes.insert(spec.process_id, process);
        SubmitResult::New { state }
    }

    pub(crate) fn claim(&mut self, slots: &[ClaimSlot], now_ms: i64) -> Vec<Got> {
        let mut room: Vec<usize> = slots.iter().map(|slot| slot.count).collect();
        // Each slot of these tests has one grant.
        let name = |slot: &ClaimSlot| slot.grants[0].name.clone();
        let mut waiting: Vec<&mut Process> =
            self.processes.values_mut().filter(|process| process.state() == ProcessState::Waiting).collect();
        waiting.retain(|process| self.pauses.since_ms(&process.spec).is_none());
        waiting.sort_by_key(|process| (process.spec.priority_time_us, process.spec.process_id));
        let mut got = Vec::new();
        for process in waiting {
            let names = &process.spec.executor_names;
            let fits = |slot: &ClaimSlot| names.is_empty() || names.contains(&name(slot));
            let Some(number) = (0..slots.len()).find(|number| room[*number] > 0 && fits(&slots[*number])) else {
                continue;
            };
            room[number] -= 1;
            let expires_at_ms = process.lease(slots[number].grants[0].key, slots[number].lease_ms, now_ms);
            got.push((number, process.spec.process_id, process.attempt, process.retries_spent, expires_at_ms));
        }
        got
    }

    pub(crate) fn renew(&mut self, batch: &[Renewal], now_ms: i64) -> Vec<Option<i64>> {
        let renew = |renewal: &Renewal| {
            let process = self.processes.get_mut(&renewal.lease.process_id)?;
            process.held_until(&renewal.lease).filter(|end_ms| *end_ms > now_ms)?;
            let Place::Lease { expires_at_ms, exec_deadline_ms, .. } = &mut process.place else { return None };
            let marked_until_ms = process.mark.as_ref().map_or(i64::MAX, |(deadline_ms, ..)| *deadline_ms);
            *expires_at_ms = renewal.expires_at_ms.min(exec_deadline_ms.unwrap_or(i64::MAX)).min(marked_until_ms);
            Some(*expires_at_ms)
        };
        batch.iter().map(renew).collect()
    }

    pub(crate) fn complete(&mut self, batch: &[LeaseRef], now_ms: i64) -> Vec<LeaseEnd> {
        let complete = |lease: &LeaseRef| {
            let Some(process) = self.held(lease, now_ms) else { return LeaseEnd::Lost };
            let (ending, reason) = match &process.mark {
                None => ("succeeded", None),
                Some((_, reason, _)) => ("cancelled", Some(reason.clone())),
            };
            process.end(ending, reason, now_ms, |process| process.finish(ProcessState::Succeeded, None, now_ms))
        };
        batch.iter().map(complete).collect()
    }

    pub(crate) fn fail(&mut self, batch: &[Failure], now_ms: i64) -> Vec<LeaseEnd> {
        let fail = |failure: &Failure| {
            let Some(process) = self.processes.get_mut(&failure.lease.process_id) else { return LeaseEnd::Lost };
            let Some(end_ms) = process.held_until(&failure.lease) else { return LeaseEnd::Lost };
            if !failure.only_if_over_at_ms.map_or(end_ms > now_ms, |over_at_ms| end_ms <= over_at_ms)
                || failure.next == ProcessState::Cancelled && process.mark.is_none()
            {
                return LeaseEnd::Lost;
            }
            let reason = Some(failure.reason.clone());
            process.end(failure.ending.as_str(), reason.clone(), now_ms, |process| {
                process.retries_spent = failure.retries_spent;
                match (failure.next, failure.blocked_until_ms) {
                    (ProcessState::Waiting, _) => process.queue(now_ms),
                    (ProcessState::Blocked, Some(until_ms)) => process.block(until_ms, now_ms),
                    (next, _) => process.finish(next, reason, now_ms),
                }
            })
        };
        batch.iter().map(fail).collect()
    }

    pub(crate) fn release(&mut self, batch: &[Release], now_ms: i64) -> Vec<LeaseEnd> {
        let release = |release: &Release| {
            let Some(process) = self.held(&release.lease, now_ms) else { return LeaseEnd::Lost };
            process.end(release.ending.as_str(), None, now_ms, |process| match release.until_ms {
                None => process.queue(now_ms),
                Some(until_ms) => process.block(until_ms, now_ms),
            })
        };
        batch.iter().map(release).collect()
    }

    pub(crate) fn cancel(&mut self, ids: &[Uuid], cancel: &Cancel, now_ms: i64) -> Vec<Effect> {
        self.change(ids, |process| match &mut process.place {
            Place::Queue { .. } | Place::Blocked { .. } => {
                process.finish(ProcessState::Cancelled, Some(cancel.reason.clone()), now_ms);
                process.ended_by = Some(cancel.by.clone());
                true
            }
            Place::Lease { expires_at_ms, .. } => {
                *expires_at_ms = cancel.deadline_ms.min(*expires_at_ms);
                let mark = (cancel.deadline_ms, cancel.reason.clone(), cancel.by.clone());
                let mark = process.mark.get_or_insert(mark);
                mark.0 = mark.0.min(cancel.deadline_ms);
                true
            }
            Place::Finished(_) => false,
        })
    }

    pub(crate) fn redrive(&mut self, ids: &[Uuid], now_ms: i64) -> Vec<Effect> {
        self.change(ids, |process| process.redrive(now_ms))
    }

    pub(crate) fn discard(&mut self, ids: &[Uuid], discard: &Discard, now_ms: i64) -> Vec<Effect> {
        self.change(ids, |process| {
            let state = process.state();
            let fits = state == ProcessState::DeadLetter || discard.is_replaced && state == ProcessState::Failed;
            if fits {
                process.finish(ProcessState::Failed, Some(discard.reason.clone()), now_ms);
                process.ended_by = Some(discard.by.clone());
            }
            fits
        })
    }

    pub(crate) fn retry(&mut self, ids: &[Uuid], now_ms: i64) -> Vec<Effect> {
        self.change(ids, |process| {
            let fits = process.state() == ProcessState::Blocked && process.parents.is_empty();
            if fits {
                process.queue(now_ms);
            }
            fits
        })
    }

    pub(crate) fn delete(&mut self, ids: &[Uuid]) -> Vec<Effect> {
        let effects = self.change(ids, |process| !matches!(process.place, Place::Lease { .. }));
        for (id, _) in ids.iter().zip(&effects).filter(|(_, effect)| **effect == Effect::Changed) {
            self.remove(*id);
        }
        effects
    }

    /// Returns how many processes are past their retention, and how many of them left.
    pub(crate) fn delete_past(&mut self, state: ProcessState, until_ms: i64, now_ms: i64) -> (i64, i64) {
        let is_past = |process: &&Process| process.state() == state && process.since_ms <= until_ms;
        let past: Vec<Uuid> = self.processes.values().filter(is_past).map(|process| process.spec.process_id).collect();
        let has_key = |id: &Uuid| self.keys.values().any(|(first, ends_ms)| first == id && *ends_ms > now_ms);
        let has_child = |id: &Uuid| self.processes.values().any(|process| process.parents.contains(id));
        let free: Vec<Uuid> = past.iter().filter(|id| !has_key(id) && !has_child(id)).copied().collect();
        for id in &free {
            self.remove(*id);
        }
        (past.len() as i64, free.len() as i64)
    }

    fn remove(&mut self, id: Uuid) {
        if let Some(process) = self.processes.remove(&id) {
            self.keys.retain(|_, (first, _)| *first != id);
            let state = process.state();
            self.deleted.insert(id, (process.spec, state));
        }
    }

    fn change(&mut self, ids: &[Uuid], mut change: impl FnMut(&mut Process) -> bool) -> Vec<Effect> {
        let change = |id: &Uuid| match self.processes.get_mut(id) {
            None => Effect::Unknown,
            Some(process) => {
                let state = process.state();
                let unfit = if process.parents.is_empty() { Effect::WrongState(state) } else { Effect::HasParents };
                if change(process) { Effect::Changed } else { unfit }
            }
        };
        ids.iter().map(change).collect()
    }

    /// Returns the process whose lease this token holds, if the lease has not ended.
    fn held(&mut self, lease: &LeaseRef, now_ms: i64) -> Option<&mut Process> {
        let process = self.processes.get_mut(&lease.process_id)?;
        process.held_until(lease).is_some_and(|end_ms| end_ms > now_ms).then_some(process)
    }

    /// Returns the tokens of ended leases, in the order of ids.
    pub(crate) fn overdue(&self, now_ms: i64) -> Vec<(Uuid, i32, i64)> {
        let over = |process: &Process| match process.place {
            Place::Lease { executor, expires_at_ms, .. } if expires_at_ms <= now_ms => {
                Some((process.spec.process_id, process.attempt, executor))
            }
            _ => None,
        };
        self.processes.values().filter_map(over).collect()
    }

    pub(crate) fn unblock(&mut self, now_ms: i64) -> Vec<Uuid> {
        self.sweep(now_ms, |process| match process.place {
            Place::Blocked { until_ms } if until_ms <= now_ms && process.parents.is_empty() => {
                process.queue(now_ms);
                true
            }
            _ => false,
        })
    }

    /// Settles dependencies: returns the children without open parents, and those cancelled because a parent cannot
    /// succeed.
    pub(crate) fn settle(&mut self, now_ms: i64) -> (Vec<Uuid>, Vec<Uuid>) {
        let is = |states: &BTreeMap<Uuid, ProcessState>, id: &Uuid, state| states.get(id) == Some(&state);
        let states: BTreeMap<Uuid, ProcessState> =
            self.processes.iter().map(|(id, process)| (*id, process.state())).collect();
        let (deleted, mut freed, mut cancelled) = (&self.deleted, Vec::new(), Vec::new());
        let has_succeeded = |id: &Uuid| {
            is(&states, id, ProcessState::Succeeded)
                || deleted.get(id).is_some_and(|(_, state)| *state == ProcessState::Succeeded)
        };
        for process in self.processes.values_mut().filter(|process| !process.parents.is_empty()) {
            process.parents.retain(|id| !has_succeeded(id));
            let never = process.parents.iter().find_map(|id| match states.get(id) {
                None => Some(format!("its parent {id} was deleted")),
                Some(ProcessState::Cancelled) => Some(format!("its parent {id} was cancelled")),
                Some(_) => None,
            });
            if never.is_some() {
                process.finish(ProcessState::Cancelled, never, now_ms);
                cancelled.push(process.spec.process_id);
            } else if process.parents.is_empty() {
                freed.push(process.spec.process_id);
            }
        }
        (freed, cancelled)
    }

    pub(crate) fn forget_idempotency_keys(&mut self, now_ms: i64) -> usize {
        let before = self.keys.len();
        self.keys.retain(|_, (_, end_ms)| *end_ms > now_ms);
        before - self.keys.len()
    }

    pub(crate) fn next_deadline_ms(&self, now_ms: i64) -> Option<i64> {
        let deadline = |process: &Process| match process.place {
            Place::Queue { .. } => process.wait(&self.pauses, now_ms).0,
            Place::Blocked { until_ms } => process.parents.is_empty().then_some(until_ms),
            Place::Lease { expires_at_ms, .. } => Some(expires_at_ms),
            Place::Finished(_) => None,
        };
        self.processes.values().filter_map(deadline).min()
    }

    /// Returns every process, in the order of ids.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        self.processes.values().map(Process::shown).collect()
    }

    /// Returns the token that holds a process, if any.
    pub(crate) fn token(&self, process_id: Uuid) -> Option<(i32, i64)> {
        let process = self.processes.get(&process_id)?;
        match process.place {
            Place::Lease { executor, .. } => Some((process.attempt, executor)),
            _ => None,
        }
    }

    fn sweep(&mut self, _now_ms: i64, mut moves: impl FnMut(&mut Process) -> bool) -> Vec<Uuid> {
        let moved = self.processes.values_mut().filter_map(|process| moves(process).then_some(process.spec.process_id));
        moved.collect()
    }
}

impl Process {
    fn shown(&self) -> Shown {
        let until_ms = match self.place {
            Place::Blocked { until_ms } => (self.parents.is_empty() || until_ms > self.since_ms).then_some(until_ms),
            Place::Lease { expires_at_ms, .. } => Some(expires_at_ms),
            _ => None,
        };
        let last = self.attempts.last().and_then(|(_, _, reason)| reason.clone());
        let mut endings: Vec<(i32, String)> =
            self.attempts.iter().map(|(number, ending, _)| (*number, (*ending).to_owned())).collect();
        if let Place::Lease { .. } = self.place {
            endings.push((self.attempt, "running".to_owned()));
        }
        // A cancellation in progress already shows its reason and its operator.
        let marked = self.mark.as_ref().map(|(_, reason, by)| (Some(reason.clone()), Some(by.clone())));
        let (reason, ended_by) = marked.unwrap_or_else(|| (self.reason.clone().or(last), self.ended_by.clone()));
        let (id, state) = (self.spec.process_id, self.state());
        (id, state, self.attempt, self.retries_spent, self.since_ms, until_ms, reason, ended_by, endings)
    }
}
