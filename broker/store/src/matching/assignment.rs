//! Who gets what in a claim: a pure function of the waiting processes, in their order, of the polls, and of what stands in the way.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};

use apiary_identity::Requirements;
use uuid::Uuid;

use super::allowance::{Allowance, Counter, Held, Spent};
use super::ceiling::Ceiling;
use super::gates::Gates;
use crate::limits::{CLAIM_PAGE_MAX, CLAIM_PASS_COUNT_MAX, CLAIM_PATTERNS_MAX, CLAIM_REFUSED_MAX, CLAIM_SORTS_MAX};
use crate::model::{ClaimSlot, Claimed, Claims, GrantKey, LimitKind, LimitUse, SlotGrant};
use crate::rows::{self, Columns};
use crate::{StoreError, StoreResult};

/// A process that could be claimed, with all that a claim decides by.
#[derive(Clone, Debug, Default)]
pub struct Candidate {
    /// The process.
    pub process_id: Uuid,
    /// Its place in the queue.
    pub priority_time_us: i64,
    /// What is to be done.
    pub function: String,
    /// If not empty, only executors of these names may have it.
    pub executor_names: Vec<String>,
    /// What an executor must have.
    pub requires: Requirements,
    /// What it is counted by while it runs.
    pub concurrency_key: Option<String>,
    /// What it is counted by when it starts.
    pub rate_key: Option<String>,
    /// Function, names and requirements as one text: what is true of one process is true of all of its sort.
    pub sort: String,
}

/// A process that was given to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The process.
    pub process_id: Uuid,
    /// The number of the slot.
    pub slot: usize,
    /// Which of the slot's grants covers it.
    pub executor: GrantKey,
}

/// A place in a queue: `priority_time_us`, and the process.
pub type Place = (i64, Uuid);

/// Before all places.
const START: Place = (i64::MIN, Uuid::nil());
/// Not before any place.
const END: Place = (i64::MAX, Uuid::max());

/// Where a walk goes on in another transaction, and what it goes on with.
#[derive(Clone, Debug)]
pub struct Rest {
    after: Place,
    held: Held,
    refused: Vec<String>,
}

/// Which waiting processes to look at next. It may let through what nobody can take, and leaves out nothing that somebody can.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The names of executors with room: processes for other names are left out.
    pub names: Vec<String>,
    /// The functions that executors with room may run; `None` if one of them may run all.
    pub functions: Option<Vec<String>>,
    /// Beginnings of further such functions.
    pub prefixes: Vec<String>,
    /// Functions to leave out: they are paused, or their limits are reached.
    pub closed_functions: Vec<String>,
    /// Whether to look at work with keys; it is left out where limits are not counted.
    pub with_keys: bool,
    /// Concurrency keys to leave out: so many as may run at once do.
    pub full_concurrency_keys: Vec<String>,
    /// Rate keys to leave out: as many have started as may.
    pub spent_rate_keys: Vec<String>,
    /// Sorts to leave out.
    pub refused_sorts: Vec<String>,
    /// After this place in the queue.
    pub after: Place,
    /// Up to this one.
    pub until: Place,
    /// At most so many.
    pub most: usize,
}

/// Slots being filled.
pub struct Assignment<'s> {
    slots: &'s [ClaimSlot],
    gates: Gates,
    allowance: Allowance,
    /// What each slot can still take.
    room: Vec<usize>,
    /// What all of them together can still take.
    room_left: usize,
    drained: Vec<usize>,
    /// What was given, in the order of the queue.
    taken: Vec<Taken>,
    /// Before which slot nobody can take work of this sort: nobody gets room back in a claim, so it need not be asked again.
    tried: HashMap<String, usize>,
    /// Sorts that nobody can take.
    refused: Vec<String>,
    /// The most that those offer who had room at the beginning.
    ceiling: OnceCell<Ceiling>,
    after: Place,
    /// How far this transaction goes, once that was measured.
    until: Option<Place>,
    /// How many to look at next.
    page: usize,
    /// The last look gave nothing.
    walks: bool,
    is_over: bool,
}

impl<'s> Assignment<'s> {
    /// Nothing given yet.
    pub fn new(slots: &'s [ClaimSlot], gates: Gates) -> Self {
        let is_drained = |slot: &ClaimSlot| !slot.grants.iter().any(|grant| gates.let_in(grant));
        let drained: Vec<usize> = (0..slots.len()).filter(|index| is_drained(&slots[*index])).collect();
        let mut room: Vec<usize> = slots.iter().map(|slot| slot.count).collect();
        drained.iter().for_each(|index| room[*index] = 0);
        let room_left = room.iter().fold(0_usize, |sum, room| sum.saturating_add(*room)).min(CLAIM_PASS_COUNT_MAX);
        let is_over = gates.is_closed();
        Self {
            slots,
            gates,
            allowance: Allowance::default(),
            room,
            room_left,
            drained,
            taken: Vec::new(),
            tried: HashMap::new(),
            refused: Vec::new(),
            ceiling: OnceCell::new(),
            after: START,
            until: None,
            page: room_left,
            walks: false,
            is_over,
        }
    }

    /// Whether limits have to be counted.
    pub fn is_limited(&self) -> bool {
        self.gates.are_limited()
    }

    /// The same, within limits.
    pub fn within(mut self, allowance: Allowance) -> Self {
        self.allowance = allowance;
        self
    }

    /// The same, in the next part of a walk.
    pub fn resuming(mut self, rest: &Rest) -> Self {
        self.allowance.resume(&rest.held);
        self.refused.clone_from(&rest.refused);
        (self.after, self.page, self.walks) = (rest.after, CLAIM_PAGE_MAX, true);
        self
    }

    /// From which place on it is to be measured how far this transaction goes: a look that gives something needs no measure, but
    /// past what nobody can take the way may be long.
    pub fn asks_for_end(&self) -> Option<Place> {
        (self.walks && self.until.is_none() && !self.is_over && self.room_left > 0).then_some(self.after)
    }

    /// It goes up to this place; to the end of the lane, if there is none.
    pub fn end_at(&mut self, until: Option<Place>) {
        self.until = Some(until.unwrap_or(END));
    }

    /// Whether to find out, all at once, which concurrency keys are in use.
    pub fn asks_for_keys(&self) -> bool {
        self.walks && !self.is_over && self.allowance.asks_for_keys()
    }

    /// How much of them is in use.
    pub fn count_keys(&mut self, uses: Vec<LimitUse>) {
        self.allowance.count_keys(uses);
    }

    /// What to look at next; `None` once the slots are full, or nothing is left that one of them could take.
    pub fn next_look(&self) -> Option<Look> {
        if self.is_over || self.room_left == 0 || self.allowance.is_type_used_up() {
            return None;
        }
        let (functions, prefixes) = self.functions();
        Some(Look {
            names: self.names(),
            functions,
            prefixes,
            closed_functions: [self.gates.paused_functions(), self.allowance.used_up(LimitKind::Function)].concat(),
            with_keys: self.allowance.is_counted(),
            full_concurrency_keys: self.allowance.used_up(LimitKind::ConcurrencyKey),
            spent_rate_keys: self.allowance.used_up(LimitKind::RateKey),
            refused_sorts: self.refused.clone(),
            after: self.after,
            until: self.until.unwrap_or(END),
            most: self.page.min(CLAIM_PAGE_MAX),
        })
    }

    /// What has to be counted before this can be given.
    pub fn uncounted(&self, found: &[Candidate]) -> Vec<Counter> {
        self.allowance.uncounted(found)
    }

    /// How much of it is in use.
    pub fn count(&mut self, uses: Vec<LimitUse>) {
        self.allowance.count(uses);
    }

    /// What was taken of rates, to be kept.
    pub fn spent(&self) -> Vec<Spent<'_>> {
        self.allowance.spent()
    }

    /// Gives what this look found, in its order, as far as somebody can take it.
    pub fn give(&mut self, look: &Look, found: &[Candidate]) {
        let before = self.taken.len();
        found.iter().for_each(|candidate| self.offer(candidate));
        self.is_over |= found.len() < look.most;
        // Usually one look is enough. After one that gave nothing, the next is for more, so that a long row of what nobody can
        // take is walked in few steps.
        self.walks = self.taken.len() == before;
        self.page = if self.walks { look.most.saturating_mul(8) } else { self.room_left };
        self.after = match found.last() {
            Some(last) if !self.is_over => (last.priority_time_us, last.process_id),
            _ => look.until,
        };
    }

    /// Whether it ended before the end of the lane.
    fn is_cut(&self) -> bool {
        self.room_left == 0 || self.until.is_some_and(|until| self.is_over && until < END)
    }

    /// Where to go on in another transaction, if this one gave nothing and ended before the end of the lane.
    pub fn rest(&self) -> Option<Rest> {
        let is_to_go_on = self.taken.is_empty() && self.is_cut() && self.room_left > 0;
        is_to_go_on.then(|| Rest { after: self.after, held: self.allowance.held(), refused: self.refused.clone() })
    }

    /// Gives the process to the first slot that has room and may have it, if there is one.
    fn offer(&mut self, candidate: &Candidate) {
        if self.room_left == 0 || !self.gates.let_through(candidate) {
            return;
        }
        let from = self.tried.get(&candidate.sort).copied().unwrap_or(0);
        let fitting = self.fitting(candidate, from);
        if let Some((slot, executor)) = fitting {
            // Where a limit stands in the way, others of the sort may have other keys.
            if self.allowance.allows(candidate) {
                self.allowance.take(candidate);
                self.room[slot] -= 1;
                self.room_left -= 1;
                self.taken.push(Taken { process_id: candidate.process_id, slot, executor });
            }
        } else if from < self.slots.len() && self.refused.len() < CLAIM_REFUSED_MAX {
            self.refused.push(candidate.sort.clone());
        }
        let tried = fitting.map_or(self.slots.len(), |(slot, _)| slot);
        if tried > from && (from > 0 || self.tried.len() < CLAIM_SORTS_MAX) {
            self.tried.insert(candidate.sort.clone(), tried);
        }
    }

    /// The first slot from this one on that may have the process, and under which grant.
    fn fitting(&self, candidate: &Candidate, from: usize) -> Option<(usize, GrantKey)> {
        let requires = &candidate.requires;
        if !requires.is_empty() && !self.ceiling().may_meet(requires) {
            return None;
        }
        self.open_from(from).find_map(|(index, slot)| Some((index, self.may(candidate, slot)?.key)))
    }

    fn ceiling(&self) -> &Ceiling {
        self.ceiling.get_or_init(|| Ceiling::of(self.open_from(0).map(|(_, slot)| &*slot.offer)))
    }

    /// The grant under which the slot may have the process, if there is one.
    fn may(&self, candidate: &Candidate, slot: &'s ClaimSlot) -> Option<&'s SlotGrant> {
        let names = &candidate.executor_names;
        let covers = |grant: &&SlotGrant| {
            self.gates.let_in(grant)
                && (names.is_empty() || names.contains(&grant.name))
                && grant.scopes.cover_function(&candidate.function)
        };
        slot.grants.iter().find(covers).filter(|_| candidate.requires.is_met_by(&slot.offer))
    }

    /// What was given, in the order of the queue.
    pub fn taken(&self) -> &[Taken] {
        &self.taken
    }

    /// The answer, if nothing was given.
    pub fn empty_handed(self) -> Claims {
        Claims {
            is_counted: self.allowance.is_counted(),
            drained: self.drained,
            is_held: self.allowance.is_held(),
            waits_for_place: self.allowance.waits_for_place(),
            next_start_ms: self.allowance.next_start_ms(),
            ..Claims::default()
        }
    }

    /// The answer, from the rows of the leases made of what was given (in any order). A lease that could not be made is
    /// [`StoreError::Corrupt`]: the caller rolls back.
    pub fn claims(self, leased: &[impl Columns]) -> StoreResult<Claims> {
        let mut rows =
            leased.iter().map(|row| Ok((rows::process_id(row)?, row))).collect::<StoreResult<HashMap<Uuid, _>>>()?;
        let claim = |taken: &Taken| match rows.remove(&taken.process_id) {
            Some(row) => rows::claimed(row, taken.slot),
            None => Err(StoreError::Corrupt(format!(
                "table `specs`: there is none of process {}, which is in `queue`; restore it from a backup, or delete it \
                 from `queue`",
                taken.process_id
            ))),
        };
        let claimed: Vec<Claimed> = self.taken.iter().map(claim).collect::<StoreResult<_>>()?;
        Ok(Claims {
            claimed,
            has_more: self.is_cut(),
            is_counted: self.allowance.is_counted(),
            drained: self.drained,
            is_held: self.allowance.is_held(),
            waits_for_place: self.allowance.waits_for_place(),
            next_start_ms: self.allowance.next_start_ms(),
        })
    }

    /// The names of the executors that still have room, each once.
    fn names(&self) -> Vec<String> {
        let grants = self.open_from(0).flat_map(|(_, slot)| slot.grants.iter());
        grants.map(|grant| grant.name.as_str()).collect::<BTreeSet<_>>().into_iter().map(str::to_owned).collect()
    }

    /// The functions that those with room may run, whole names and beginnings apart; no names at all if one may run everything.
    fn functions(&self) -> (Option<Vec<String>>, Vec<String>) {
        let grants = self.open_from(0).flat_map(|(_, slot)| slot.grants.iter());
        let patterns: BTreeSet<&str> =
            grants.flat_map(|grant| grant.scopes.functions.iter()).map(String::as_str).collect();
        if patterns.contains("*") || patterns.len() > CLAIM_PATTERNS_MAX {
            return (None, Vec::new());
        }
        let (prefixes, names): (Vec<&str>, Vec<&str>) =
            patterns.into_iter().partition(|pattern| pattern.ends_with('*'));
        let prefixes = prefixes.into_iter().map(|prefix| prefix.trim_end_matches('*').to_owned()).collect();
        (Some(names.into_iter().map(str::to_owned).collect()), prefixes)
    }

    /// The slots with room, from this one on.
    fn open_from(&self, from: usize) -> impl Iterator<Item = (usize, &'s ClaimSlot)> {
        self.slots.iter().enumerate().skip(from).filter(|(index, _)| self.room[*index] > 0)
    }
}

#[cfg(test)]
mod tests;
