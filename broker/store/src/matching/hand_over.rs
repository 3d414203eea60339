//! New work for polls that wait already: it is leased in the transaction that stores it, without a claim. No I/O.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use super::restrictions::LaneRestrictions;
use crate::model::{ClaimSlot, ClaimedLease, GrantKey, Lane, NewProcess, SlotGrant};

/// The polls of one lane that are to get new processes. It is meant for a lane in which nothing waits, so that no work is overtaken.
#[derive(Clone, Debug)]
pub struct HandOver<'s> {
    lane: &'s Lane,
    slots: &'s [ClaimSlot],
    takers: HashMap<Uuid, Taker>,
}

/// The poll that gets a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taker {
    /// The index of its slot.
    pub slot: usize,
    /// The first of the slot's grants that covers the process.
    pub executor: GrantKey,
    /// The duration of the lease, in milliseconds.
    pub lease_ms: i64,
}

/// A lease of a process that is being stored.
#[derive(Clone, Debug)]
pub struct NewLease {
    /// The lease.
    pub claimed: ClaimedLease,
    /// The run of the executor.
    pub instance: Option<i64>,
}

impl<'s> HandOver<'s> {
    /// Returns for these slots what a claim would give them if nothing else waited in their lane. `None` if that is nothing, or if a
    /// process of the lane needs a claim that looks closer: it has executor names, requirements, or keys.
    pub fn of<'p>(
        lane: &'s Lane,
        slots: &'s [ClaimSlot],
        processes: impl IntoIterator<Item = &'p NewProcess>,
    ) -> Option<Self> {
        let runs_in_lane = |process: &&NewProcess| is_of(process, lane) && may_run_now(process);
        let mut open: Vec<&NewProcess> = processes.into_iter().filter(runs_in_lane).collect();
        if !open.iter().all(|process| is_plain(process)) {
            return None;
        }
        open.sort_unstable_by_key(|process| (process.priority_time_us, process.process_id));
        let mut room: Vec<usize> = slots.iter().map(|slot| slot.count).collect();
        let mut takers = HashMap::new();
        for process in open {
            let suits = |(index, slot): (usize, &ClaimSlot)| {
                let grant = covering(slot, &process.function).filter(|_| room[index] > 0)?;
                Some(Taker { slot: index, executor: grant.key, lease_ms: slot.lease_ms })
            };
            let Some(taker) = slots.iter().enumerate().find_map(suits) else { continue };
            room[taker.slot] -= 1;
            takers.insert(process.process_id, taker);
        }
        (!takers.is_empty()).then_some(Self { lane, slots, takers })
    }

    /// Returns the lane.
    pub fn lane(&self) -> &'s Lane {
        self.lane
    }

    /// Returns the polls, one of which each taker is.
    pub fn slots(&self) -> &'s [ClaimSlot] {
        self.slots
    }

    /// Returns the names of all executors, each once.
    pub fn names(&self) -> Vec<&'s str> {
        let grants = self.slots.iter().flat_map(|slot| slot.grants.iter());
        grants.map(|grant| grant.name.as_str()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Returns the poll that gets a process, if one does.
    pub fn taker(&self, process_id: Uuid) -> Option<Taker> {
        self.takers.get(&process_id).copied()
    }

    /// Returns true if nothing stands against it: no pause, drain, limit or revocation, and nothing that waits.
    pub fn is_allowed(&self, restrictions: &LaneRestrictions) -> bool {
        restrictions.are_none_for(self.slots.iter().flat_map(|slot| slot.grants.iter()))
    }

    /// Returns the lease of a process that was handed over at this time.
    pub fn lease(&self, process: &NewProcess, now_ms: i64) -> Option<NewLease> {
        let taker = self.taker(process.process_id)?;
        let claimed = ClaimedLease {
            slot: taker.slot,
            executor: taker.executor,
            process_id: process.process_id,
            function: process.function.clone(),
            attempt: 1,
            retries_spent: 0,
            max_retries: process.max_retries,
            claimed_at_ms: now_ms,
            waiting_since_ms: Some(process.submitted_at_ms),
            expires_at_ms: expires_at_ms(process, taker.lease_ms, now_ms),
            submitter: process.submitter,
            payload: process.payload.clone(),
            signature: process.signature.as_bytes().to_vec(),
            spec_digest: Some(process.digest),
        };
        Some(NewLease { claimed, instance: self.slots[taker.slot].instance })
    }
}

/// Returns when a lease of a new process ends: after its duration, or at the process's `max_exec` if that is earlier.
fn expires_at_ms(process: &NewProcess, lease_ms: i64, now_ms: i64) -> i64 {
    let longest_ms = if process.max_exec_ms > 0 { process.max_exec_ms } else { i64::MAX };
    now_ms.saturating_add(lease_ms.min(longest_ms))
}

fn is_of(process: &NewProcess, lane: &Lane) -> bool {
    process.colony == lane.colony && process.executor_type == lane.executor_type
}

fn may_run_now(process: &NewProcess) -> bool {
    process.not_before_ms.is_none() && process.parents.is_empty()
}

fn is_plain(process: &NewProcess) -> bool {
    process.executor_names.is_empty()
        && process.requires.is_empty()
        && process.concurrency_key.is_none()
        && process.rate_key.is_none()
}

fn covering<'s>(slot: &'s ClaimSlot, function: &str) -> Option<&'s SlotGrant> {
    slot.grants.iter().find(|grant| grant.scopes.cover_function(function))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use apiary_identity::{Digest, Offer, Scopes, Signature};
    use bytes::Bytes;

    use super::*;
    use crate::model::ColonyKey;

    fn lane() -> Lane {
        Lane { colony: ColonyKey(1), executor_type: "t".into() }
    }

    fn process(number: u128, function: &str, place: i64) -> NewProcess {
        NewProcess {
            process_id: Uuid::from_u128(number),
            colony: ColonyKey(1),
            submitter: GrantKey(1),
            function: function.into(),
            executor_type: "t".into(),
            executor_names: Vec::new(),
            priority: 0,
            priority_time_us: place,
            labels: Default::default(),
            max_wait_ms: 0,
            max_exec_ms: 0,
            max_retries: 0,
            not_before_ms: None,
            parents: Vec::new(),
            submit_by_ms: i64::MAX,
            requires: Default::default(),
            concurrency_key: None,
            rate_key: None,
            submitted_at_ms: 0,
            idempotency: None,
            digest: Digest([0; 32]),
            payload: Bytes::new(),
            signature: Signature::from_bytes(vec![0; 64].into()).unwrap(),
        }
    }

    fn slot(grants: &[(i64, &str)], count: usize) -> ClaimSlot {
        let grant = |(key, function): &(i64, &str)| SlotGrant {
            key: GrantKey(*key),
            name: format!("bee-{key}"),
            scopes: Scopes { functions: vec![(*function).to_owned()], executor_types: vec!["*".into()] },
        };
        ClaimSlot {
            grants: grants.iter().map(grant).collect(),
            offer: Arc::new(Offer::default()),
            count,
            lease_ms: 10,
            instance: None,
        }
    }

    fn takers(slots: &[ClaimSlot], processes: &[NewProcess]) -> Option<Vec<Option<(usize, i64)>>> {
        let lane = lane();
        let hand_over = HandOver::of(&lane, slots, processes)?;
        let taker =
            |process: &NewProcess| hand_over.taker(process.process_id).map(|taker| (taker.slot, taker.executor.0));
        Some(processes.iter().map(taker).collect())
    }

    #[test]
    fn each_process_goes_to_the_first_poll_with_room_in_the_order_of_the_queue() {
        let processes = [process(1, "a", 3), process(2, "a", 1), process(3, "b", 2), process(4, "a", 4)];
        let slots = [slot(&[(7, "b")], 1), slot(&[(8, "x"), (9, "*")], 2)];
        assert_eq!(takers(&slots, &processes).unwrap(), [Some((1, 9)), Some((1, 9)), Some((0, 7)), None]);
        assert_eq!(takers(&[slot(&[(7, "c")], 9)], &processes), None);
        assert_eq!(takers(&[slot(&[(7, "*")], 0)], &processes), None);
    }

    #[test]
    fn a_lane_with_other_than_plain_work_needs_a_claim() {
        let (plain, slots) = (process(1, "a", 1), [slot(&[(7, "*")], 9)]);
        let change = |change: fn(&mut NewProcess)| {
            let mut process = process(2, "a", 2);
            change(&mut process);
            takers(&slots, &[plain.clone(), process])
        };
        assert_eq!(change(|process| process.executor_names = vec!["bee".into()]), None);
        assert_eq!(change(|process| process.requires.gpus = Some(1)), None);
        assert_eq!(change(|process| process.concurrency_key = Some("k".into())), None);
        assert_eq!(change(|process| process.rate_key = Some("k".into())), None);
        // What cannot run now, or belongs elsewhere, competes with nobody.
        let one = Some(vec![Some((0, 7)), None]);
        assert_eq!(change(|process| process.not_before_ms = Some(5)), one);
        assert_eq!(change(|process| process.parents = vec![Uuid::nil()]), one);
        assert_eq!(change(|process| process.colony = ColonyKey(2)), one);
        assert_eq!(change(|process| (process.executor_type, process.rate_key) = ("u".into(), Some("k".into()))), one);
    }

    #[test]
    fn a_lease_ends_with_max_exec_at_the_latest() {
        let ends = |max_exec_ms| expires_at_ms(&NewProcess { max_exec_ms, ..process(1, "a", 1) }, 10, 100);
        assert_eq!([ends(0), ends(5), ends(50)], [110, 105, 110]);
    }
}
