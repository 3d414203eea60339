//! Who gets what in a claim: a pure function of the waiting processes, in their order, and the polls.

use std::collections::HashMap;

use uuid::Uuid;

use super::rows::{self, Columns};
use super::{StoreError, StoreResult};
use crate::model::{ClaimSlot, Claimed};

/// Waiting processes that are looked at together.
pub(super) const PAGE_MAX: usize = 1000;

/// A process that could be claimed.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// The process.
    pub(super) process_id: Uuid,
    /// Its place in the queue.
    pub(super) priority_time_us: i64,
    /// If not empty, only executors of these names may have it.
    pub(super) executor_names: Vec<String>,
}

/// Slots being filled.
pub(super) struct Assignment<'s> {
    slots: &'s [ClaimSlot],
    room: Vec<usize>,
    /// What was given, in the order of the queue: the process, and the number of its slot.
    taken: Vec<(Uuid, usize)>,
}

impl<'s> Assignment<'s> {
    /// Nothing given yet.
    pub(super) fn new(slots: &'s [ClaimSlot]) -> Self {
        Self { slots, room: slots.iter().map(|slot| slot.count).collect(), taken: Vec::new() }
    }

    /// How many processes the slots can still take.
    pub(super) fn room(&self) -> usize {
        self.room.iter().fold(0, |sum, room| sum.saturating_add(*room))
    }

    /// The names of the executors that still have room, each once.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<&str> = self.open().map(|(_, slot)| slot.executor_name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().map(str::to_owned).collect()
    }

    /// Gives the process to the first slot that has room and that it accepts, if there is one.
    pub(super) fn offer(&mut self, candidate: &Candidate) {
        let accepts = |slot: &ClaimSlot| {
            candidate.executor_names.is_empty() || candidate.executor_names.contains(&slot.executor_name)
        };
        let found = self.open().find(|(_, slot)| accepts(slot)).map(|(index, _)| index);
        if let Some(index) = found {
            self.room[index] -= 1;
            self.taken.push((candidate.process_id, index));
        }
    }

    /// What was given, in the order of the queue.
    pub(super) fn taken(&self) -> &[(Uuid, usize)] {
        &self.taken
    }

    /// What was given, from the rows of the leases made of it (in any order), in the order of the queue.
    /// A lease that could not be made is [`StoreError::Corrupt`]: the caller rolls back.
    pub(super) fn claimed(&self, leased: &[impl Columns]) -> StoreResult<Vec<Claimed>> {
        let mut rows =
            leased.iter().map(|row| Ok((rows::process_id(row)?, row))).collect::<StoreResult<HashMap<Uuid, _>>>()?;
        let claim = |(process_id, slot): &(Uuid, usize)| match rows.remove(process_id) {
            Some(row) => rows::claimed(row, *slot),
            None => Err(StoreError::Corrupt(format!(
                "table `specs`: there is none of process {process_id}, which is in `queue`; restore it from a backup, or \
                 delete it from `queue`"
            ))),
        };
        self.taken.iter().map(claim).collect()
    }

    fn open(&self) -> impl Iterator<Item = (usize, &'s ClaimSlot)> {
        self.slots.iter().enumerate().filter(|(index, _)| self.room[*index] > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GrantKey;

    fn slot(name: &str, count: usize) -> ClaimSlot {
        ClaimSlot { executor: GrantKey(1), executor_name: name.to_owned(), count, lease_ms: 1000 }
    }

    fn waiting(number: u128, names: &[&str]) -> Candidate {
        Candidate {
            process_id: Uuid::from_u128(number),
            priority_time_us: 0,
            executor_names: names.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    /// The slot of each process, in the order of the queue.
    fn assigned(slots: &[ClaimSlot], queue: &[Candidate]) -> Vec<(u128, usize)> {
        let mut assignment = Assignment::new(slots);
        queue.iter().for_each(|candidate| assignment.offer(candidate));
        assignment.taken().iter().map(|(process_id, slot)| (process_id.as_u128(), *slot)).collect()
    }

    #[test]
    fn slots_fill_in_their_order() {
        let queue: Vec<Candidate> = (1..=4).map(|number| waiting(number, &[])).collect();
        assert_eq!(assigned(&[slot("a", 1), slot("b", 2)], &queue), [(1, 0), (2, 1), (3, 1)]);
    }

    #[test]
    fn a_process_for_a_name_goes_only_to_that_name() {
        let queue = [waiting(1, &["b"]), waiting(2, &[]), waiting(3, &["c", "b"])];
        assert_eq!(assigned(&[slot("a", 1), slot("b", 2)], &queue), [(1, 1), (2, 0), (3, 1)]);
    }

    #[test]
    fn what_no_slot_can_take_hinders_nobody_behind_it() {
        let queue = [waiting(1, &["absent"]), waiting(2, &["a"]), waiting(3, &["a"]), waiting(4, &[])];
        assert_eq!(assigned(&[slot("a", 1), slot("b", 1)], &queue), [(2, 0), (4, 1)]);
    }

    #[test]
    fn two_slots_of_one_name_are_filled_one_after_the_other() {
        let queue = [waiting(1, &["a"]), waiting(2, &["a"]), waiting(3, &["a"])];
        assert_eq!(assigned(&[slot("a", 1), slot("a", 1)], &queue), [(1, 0), (2, 1)]);
    }

    #[test]
    fn only_names_with_room_are_asked_for() {
        let slots = [slot("a", 1), slot("b", 1), slot("b", 1), slot("none", 0)];
        let mut assignment = Assignment::new(&slots);
        assert_eq!((assignment.room(), assignment.names()), (3, vec!["a".to_owned(), "b".to_owned()]));
        assignment.offer(&waiting(1, &["a"]));
        assert_eq!((assignment.room(), assignment.names()), (2, vec!["b".to_owned()]));
    }
}
