//! The assignment of waiting processes to polls in a claim: a pure function of the queue, in its order, of the polls, and of the
//! conditions that stop work.
//!
//! The store reads candidates page by page, one page for each [`Scan`], and hands them to [`Assignment::assign`] until no scan is due.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};

use apiary_identity::Requirements;
use uuid::Uuid;

use super::allowance::{Allowance, Counter, ExhaustedLimits, TokenUse};
use super::offer_bound::OfferBound;
use super::restrictions::LaneRestrictions;
use crate::limits::{CLAIM_PAGE_MAX, CLAIM_PASS_COUNT_MAX, CLAIM_PATTERNS_MAX, CLAIM_REFUSED_MAX, CLAIM_SORTS_MAX};
use crate::model::{ClaimResult, ClaimSlot, ClaimedLease, GrantKey, LimitKind, LimitUse, SlotGrant};
use crate::rows::{self, Columns};
use crate::{StoreError, StoreResult};

/// A waiting process, with everything that a claim decides by.
#[derive(Clone, Debug, Default)]
pub struct Candidate {
    /// The process.
    pub process_id: Uuid,
    /// The place in the queue: lower goes first.
    pub priority_time_us: i64,
    /// The function to execute.
    pub function: String,
    /// If not empty, only executors of these names may have it.
    pub executor_names: Vec<String>,
    /// The requirements on its executor.
    pub requires: Requirements,
    /// The key by which it is counted while it runs.
    pub concurrency_key: Option<String>,
    /// The key by which its start is counted.
    pub rate_key: Option<String>,
    /// Function, names and requirements as one text. All processes of a sort suit the same slots.
    pub sort: String,
}

/// A process with the slot that gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// The process.
    pub process_id: Uuid,
    /// The index of the slot.
    pub slot: usize,
    /// The first of the slot's grants that covers it.
    pub executor: GrantKey,
}

/// A place in a queue: `priority_time_us` and the process id.
pub type QueuePosition = (i64, Uuid);

/// The place before all others.
const START: QueuePosition = (i64::MIN, Uuid::nil());
/// The place after all others.
const END: QueuePosition = (i64::MAX, Uuid::max());

/// The state in which a claim continues in another transaction.
#[derive(Clone, Debug)]
pub struct Continuation {
    after: QueuePosition,
    exhausted: ExhaustedLimits,
    refused: Vec<String>,
}

/// A filter on waiting processes, for the next page. May give false positives (work that no slot can take), never false negatives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// The names of executors with room: processes for other names are left out.
    pub names: Vec<String>,
    /// The functions that executors with room may run; `None` if one of them may run all.
    pub functions: Option<Vec<String>>,
    /// Beginnings of further such functions.
    pub prefixes: Vec<String>,
    /// Functions to leave out: they are paused, or their limits are reached.
    pub closed_functions: Vec<String>,
    /// True to read work with keys; false if limits are not counted.
    pub with_keys: bool,
    /// Concurrency keys to leave out, because their limit is reached.
    pub full_concurrency_keys: Vec<String>,
    /// Rate keys to leave out, because their tokens are used up.
    pub spent_rate_keys: Vec<String>,
    /// Sorts to leave out, because no slot suits them.
    pub refused_sorts: Vec<String>,
    /// The place after which to read.
    pub after: QueuePosition,
    /// The last place to read.
    pub until: QueuePosition,
    /// The greatest number of rows.
    pub most: usize,
}

/// A claim in progress: slots that are being filled, in the order of arrival of their polls. The first that suits gets the process.
pub struct Assignment<'s> {
    slots: &'s [ClaimSlot],
    restrictions: LaneRestrictions,
    allowance: Allowance,
    /// The number of leases that each slot can still take.
    room: Vec<usize>,
    /// The number of leases that this claim may still give.
    room_left: usize,
    drained: Vec<usize>,
    /// The leases to make, in the order of the queue.
    matches: Vec<Match>,
    /// For each sort, the first slot that may still suit it. Room only shrinks during a claim, so the slots before need not be tried again.
    tried: HashMap<String, usize>,
    /// Sorts that no slot with room suits.
    refused: Vec<String>,
    /// The upper bound of the offers that had room when it was first needed.
    offer_bound: OnceCell<OfferBound>,
    after: QueuePosition,
    /// The last place that this transaction scans, once it was measured.
    until: Option<QueuePosition>,
    /// The greatest number of rows of the next scan.
    page: usize,
    /// True if the last scan gave nothing.
    found_nothing: bool,
    is_over: bool,
}

impl<'s> Assignment<'s> {
    /// Returns a claim that has given nothing yet.
    pub fn new(slots: &'s [ClaimSlot], restrictions: LaneRestrictions) -> Self {
        // A slot stays in the list without room, because answers name slots by their index.
        let is_drained = |slot: &ClaimSlot| !slot.grants.iter().any(|grant| restrictions.allows_grant(grant));
        let drained: Vec<usize> = (0..slots.len()).filter(|index| is_drained(&slots[*index])).collect();
        let mut room: Vec<usize> = slots.iter().map(|slot| slot.count).collect();
        drained.iter().for_each(|index| room[*index] = 0);
        // The specs of all leases are in memory at once when they are read: hence the maximum for one claim.
        let room_left = room.iter().fold(0_usize, |sum, room| sum.saturating_add(*room)).min(CLAIM_PASS_COUNT_MAX);
        let is_over = restrictions.is_closed() || restrictions.is_empty();
        Self {
            slots,
            restrictions,
            allowance: Allowance::default(),
            room,
            room_left,
            drained,
            matches: Vec::new(),
            tried: HashMap::new(),
            refused: Vec::new(),
            offer_bound: OnceCell::new(),
            after: START,
            until: None,
            // The first read takes no more rows than there is room: as a rule all of them can be given, and in Postgres every row that is
            // read is locked against other claims.
            page: room_left,
            found_nothing: false,
            is_over,
        }
    }

    /// Returns true if this claim must count limits.
    pub fn is_limited(&self) -> bool {
        self.restrictions.are_limited()
    }

    /// Sets the room under limits.
    pub fn within(mut self, allowance: Allowance) -> Self {
        self.allowance = allowance;
        self
    }

    /// Continues a claim of an earlier transaction.
    pub fn resuming(mut self, continuation: &Continuation) -> Self {
        self.allowance.resume(&continuation.exhausted);
        self.refused.clone_from(&continuation.refused);
        // The transaction before gave nothing, so this one starts with large pages at once.
        (self.after, self.page, self.found_nothing) = (continuation.after, CLAIM_PAGE_MAX, true);
        self
    }

    /// Returns the place from which to measure the end of this transaction; `None` if no end is needed, or it was measured. The store
    /// answers with [`end_at`](Self::end_at).
    pub fn asks_for_end(&self) -> Option<QueuePosition> {
        // Measuring costs a read, and most claims give something at the first one. Only a scan over much
        // unclaimable work may be long, and a long transaction keeps its locks for as long.
        (self.found_nothing && self.until.is_none() && !self.is_over && self.room_left > 0).then_some(self.after)
    }

    /// Ends this transaction at this place; `None` is the end of the lane.
    pub fn end_at(&mut self, until: Option<QueuePosition>) {
        self.until = Some(until.unwrap_or(END));
    }

    /// Returns true if all concurrency keys in use should be read at once.
    pub fn asks_for_keys(&self) -> bool {
        self.found_nothing && !self.is_over && self.allowance.asks_for_keys()
    }

    /// Adds the concurrency keys in use.
    pub fn count_keys(&mut self, uses: Vec<LimitUse>) {
        self.allowance.count_keys(uses);
    }

    /// Returns the next read; `None` once the slots are full, or no further work could suit one of them.
    pub fn next_scan(&self) -> Option<Scan> {
        if self.is_over || self.room_left == 0 || self.allowance.is_type_used_up() {
            return None;
        }
        let (functions, prefixes) = self.functions();
        Some(Scan {
            names: self.names(),
            functions,
            prefixes,
            closed_functions: [self.restrictions.paused_functions(), self.allowance.used_up(LimitKind::Function)]
                .concat(),
            with_keys: self.allowance.is_counted(),
            full_concurrency_keys: self.allowance.used_up(LimitKind::ConcurrencyKey),
            spent_rate_keys: self.allowance.used_up(LimitKind::RateKey),
            refused_sorts: self.refused.clone(),
            after: self.after,
            until: self.until.unwrap_or(END),
            most: self.page.min(CLAIM_PAGE_MAX),
        })
    }

    /// Returns the counters that must be known before these candidates can be given.
    pub fn uncounted(&self, found: &[Candidate]) -> Vec<Counter> {
        self.allowance.uncounted(found)
    }

    /// Adds the use of counters.
    pub fn count(&mut self, uses: Vec<LimitUse>) {
        self.allowance.count(uses);
    }

    /// Returns the token buckets from which this claim took, to be written back.
    pub fn token_uses(&self) -> Vec<TokenUse<'_>> {
        self.allowance.token_uses()
    }

    /// Gives the candidates of this read, in their order, to the slots that suit them.
    pub fn assign(&mut self, scan: &Scan, found: &[Candidate]) {
        let before = self.matches.len();
        found.iter().for_each(|candidate| self.try_assign(candidate));
        // Fewer rows than asked for: the scan reached its last place. Rows that another broker is claiming are passed over, not waited
        // for.
        self.is_over |= found.len() < scan.most;
        // Usually one scan is enough. After one that gave nothing the next is larger, so that few scans pass a long row of work that
        // nobody can take.
        self.found_nothing = self.matches.len() == before;
        self.page = if self.found_nothing { scan.most.saturating_mul(8) } else { self.room_left };
        self.after = match found.last() {
            Some(last) if !self.is_over => (last.priority_time_us, last.process_id),
            _ => scan.until,
        };
    }

    /// Returns true if the claim ended before the end of the lane, so that more work may wait.
    fn is_cut(&self) -> bool {
        self.room_left == 0 || self.until.is_some_and(|until| self.is_over && until < END)
    }

    /// Returns the state to continue with in another transaction; `None` unless this one gave nothing and ended before the end of the lane.
    pub fn continuation(&self) -> Option<Continuation> {
        // After a lease the answer goes out at once: the executor should not wait while the rest of the lane is read.
        let is_to_go_on = self.matches.is_empty() && self.is_cut() && self.room_left > 0;
        is_to_go_on.then(|| Continuation {
            after: self.after,
            exhausted: self.allowance.exhausted(),
            refused: self.refused.clone(),
        })
    }

    /// Gives the process to the first slot that has room and suits it, if there is one.
    fn try_assign(&mut self, candidate: &Candidate) {
        if self.room_left == 0 || !self.restrictions.allows_process(candidate) {
            return;
        }
        let from = self.tried.get(&candidate.sort).copied().unwrap_or(0);
        let fitting = self.fitting(candidate, from);
        if let Some((slot, executor)) = fitting {
            // A limit refuses this process, not its sort: others of the sort may have other keys.
            if self.allowance.allows(candidate) {
                self.allowance.take(candidate);
                self.room[slot] -= 1;
                self.room_left -= 1;
                self.matches.push(Match { process_id: candidate.process_id, slot, executor });
            }
        // Bounded, because the list is a parameter of every further scan; sorts beyond it are read and refused again.
        } else if from < self.slots.len() && self.refused.len() < CLAIM_REFUSED_MAX {
            self.refused.push(candidate.sort.clone());
        }
        let tried = fitting.map_or(self.slots.len(), |(slot, _)| slot);
        // Bounded, because a colony may have any number of sorts; one that is not remembered is tried from the first slot again.
        if tried > from && (from > 0 || self.tried.len() < CLAIM_SORTS_MAX) {
            self.tried.insert(candidate.sort.clone(), tried);
        }
    }

    /// Returns the first slot from this index on that suits the process, and the grant that covers it.
    fn fitting(&self, candidate: &Candidate, from: usize) -> Option<(usize, GrantKey)> {
        let requires = &candidate.requires;
        // One comparison with the upper bound refuses most impossible work; otherwise each candidate is compared with thousands of slots.
        if !requires.is_empty() && !self.offer_bound().may_meet(requires) {
            return None;
        }
        self.open_from(from).find_map(|(index, slot)| Some((index, self.grant_for(candidate, slot)?.key)))
    }

    fn offer_bound(&self) -> &OfferBound {
        // Only on demand: most work has no requirements. Slots that fill up later stay in the bound, which is then higher than needed but
        // still right.
        self.offer_bound.get_or_init(|| OfferBound::of(self.open_from(0).map(|(_, slot)| &*slot.offer)))
    }

    /// Returns the first grant under which the slot may have the process; `None` if the slot does not suit it.
    fn grant_for(&self, candidate: &Candidate, slot: &'s ClaimSlot) -> Option<&'s SlotGrant> {
        let names = &candidate.executor_names;
        let covers = |grant: &&SlotGrant| {
            self.restrictions.allows_grant(grant)
                && (names.is_empty() || names.contains(&grant.name))
                && grant.scopes.cover_function(&candidate.function)
        };
        slot.grants.iter().find(covers).filter(|_| candidate.requires.is_met_by(&slot.offer))
    }

    /// Returns the leases to make, in the order of the queue.
    pub fn matches(&self) -> &[Match] {
        &self.matches
    }

    /// Returns the answer of a claim that gave nothing.
    pub fn empty_result(self) -> ClaimResult {
        ClaimResult {
            is_lane_empty: self.restrictions.is_empty(),
            is_counted: self.allowance.is_counted(),
            drained: self.drained,
            hit_limit: self.allowance.hit_limit(),
            waits_for_running: self.allowance.waits_for_running(),
            next_start_ms: self.allowance.next_start_ms(),
            ..ClaimResult::default()
        }
    }

    /// Returns the answer, from the rows of the new leases (in any order).
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if a lease could not be made: the caller rolls back.
    pub fn claims(self, leased: &[impl Columns]) -> StoreResult<ClaimResult> {
        // A process in `queue` without a spec yields no lease. It has left `queue` in this transaction, so a commit without it would lose
        // the process.
        let mut rows =
            leased.iter().map(|row| Ok((rows::process_id(row)?, row))).collect::<StoreResult<HashMap<Uuid, _>>>()?;
        let claim = |matches: &Match| match rows.remove(&matches.process_id) {
            Some(row) => rows::claimed(row, matches.slot),
            None => Err(StoreError::Corrupt(format!(
                "table `specs`: there is none of process {}, which is in `queue`; restore it from a backup, or delete it \
                 from `queue`",
                matches.process_id
            ))),
        };
        let claimed: Vec<ClaimedLease> = self.matches.iter().map(claim).collect::<StoreResult<_>>()?;
        Ok(ClaimResult {
            claimed,
            has_more: self.is_cut(),
            is_lane_empty: false,
            is_counted: self.allowance.is_counted(),
            drained: self.drained,
            hit_limit: self.allowance.hit_limit(),
            waits_for_running: self.allowance.waits_for_running(),
            next_start_ms: self.allowance.next_start_ms(),
        })
    }

    /// Returns the names of the executors that still have room, each once.
    fn names(&self) -> Vec<String> {
        let grants = self.open_from(0).flat_map(|(_, slot)| slot.grants.iter());
        grants.map(|grant| grant.name.as_str()).collect::<BTreeSet<_>>().into_iter().map(str::to_owned).collect()
    }

    /// Returns the functions that executors with room may run, as whole names and as prefixes; `None` for the names if one may run all.
    fn functions(&self) -> (Option<Vec<String>>, Vec<String>) {
        let grants = self.open_from(0).flat_map(|(_, slot)| slot.grants.iter());
        // Too many patterns make the statement slower than reading too much: then all functions are read, and the grants decide.
        function_patterns(grants.flat_map(|grant| grant.scopes.functions.iter()).map(String::as_str))
            .unwrap_or_default()
    }

    /// Returns the slots with room, from this index on.
    fn open_from(&self, from: usize) -> impl Iterator<Item = (usize, &'s ClaimSlot)> {
        self.slots.iter().enumerate().skip(from).filter(|(index, _)| self.room[*index] > 0)
    }
}

/// Functions as whole names, `None` for all, and as prefixes.
type FunctionPatterns = (Option<Vec<String>>, Vec<String>);

/// Divides patterns of functions into names and prefixes; returns `None` if there are more than a statement should have.
pub(super) fn function_patterns<'p>(patterns: impl Iterator<Item = &'p str>) -> Option<FunctionPatterns> {
    let patterns: BTreeSet<&str> = patterns.collect();
    if patterns.contains("*") {
        return Some((None, Vec::new()));
    }
    if patterns.len() > CLAIM_PATTERNS_MAX {
        return None;
    }
    let (prefixes, names): (Vec<&str>, Vec<&str>) = patterns.into_iter().partition(|pattern| pattern.ends_with('*'));
    let prefix = |pattern: &str| pattern.strip_suffix('*').unwrap_or(pattern).to_owned();
    Some((Some(names.into_iter().map(str::to_owned).collect()), prefixes.into_iter().map(prefix).collect()))
}

#[cfg(test)]
mod tests;
