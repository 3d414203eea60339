//! Tests of the assignment, without a database.

use std::sync::Arc;

use apiary_identity::{Offer, Scopes};
use proptest::prelude::*;

use super::super::restrictions::LaneRestriction;
use super::*;

fn slot(name: &str, count: usize) -> ClaimSlot {
    ClaimSlot {
        grants: [grant(1, name, &["*"])].into(),
        offer: Arc::new(Offer::default()),
        count,
        lease_ms: 1000,
        instance: None,
    }
}

fn grant(key: i64, name: &str, functions: &[&str]) -> SlotGrant {
    let functions = functions.iter().map(|name| (*name).to_owned()).collect();
    let scopes = Scopes { functions, executor_types: vec!["*".to_owned()] };
    SlotGrant { key: GrantKey(key), name: name.to_owned(), scopes }
}

fn offering(cpu: &str, location: &str, count: usize) -> ClaimSlot {
    let offer = Offer {
        cpu: Some(cpu.parse().unwrap()),
        location: Some(location.to_owned()).filter(|location| !location.is_empty()),
        ..Offer::default()
    };
    ClaimSlot { offer: Arc::new(offer), ..slot("a", count) }
}

fn waiting(number: u128, names: &[&str]) -> Candidate {
    Candidate {
        process_id: Uuid::from_u128(number),
        function: "f".to_owned(),
        executor_names: names.iter().map(|name| (*name).to_owned()).collect(),
        sort: format!("f {names:?}"),
        ..Candidate::default()
    }
}

fn needing(number: u128, cpu: &str, location: &str) -> Candidate {
    let requires = Requirements {
        cpu: Some(cpu.parse().unwrap()),
        location: Some(location.to_owned()).filter(|location| !location.is_empty()),
        ..Requirements::default()
    };
    Candidate { sort: format!("f {cpu} {location}"), requires, ..waiting(number, &[]) }
}

fn calling(number: u128, function: &str) -> Candidate {
    Candidate { function: function.to_owned(), sort: function.to_owned(), ..waiting(number, &[]) }
}

/// Runs one claim on this queue, read by read, as a store answers them.
fn assign<'s>(
    slots: &'s [ClaimSlot],
    restrictions: impl IntoIterator<Item = LaneRestriction>,
    queue: &[Candidate],
) -> Assignment<'s> {
    let mut assignment = Assignment::new(slots, restrictions.into_iter().collect());
    while scan(&mut assignment, queue) {}
    assignment
}

/// Runs one read of a claim; false if none is due.
fn scan(assignment: &mut Assignment<'_>, queue: &[Candidate]) -> bool {
    let Some(scan) = assignment.next_scan() else { return false };
    let found = queue.iter().filter(|candidate| scan.lets_through(candidate));
    let found: Vec<Candidate> = found.take(scan.most).cloned().collect();
    assignment.assign(&scan, &found);
    true
}

fn place(candidate: &Candidate) -> QueuePosition {
    (candidate.priority_time_us, candidate.process_id)
}

/// Runs a claim whose transactions read at most `rows_max` processes. Returns the assignments, true if more may wait, and the number of
/// transactions.
fn assign_in_parts(
    slots: &[ClaimSlot],
    restrictions: &[LaneRestriction],
    queue: &[Candidate],
    rows_max: usize,
) -> (Vec<Match>, bool, usize) {
    let (mut continuation, mut parts) = (None, 1);
    loop {
        let mut assignment = Assignment::new(slots, restrictions.iter().cloned().collect());
        if let Some(continuation) = &continuation {
            assignment = assignment.resuming(continuation);
        }
        loop {
            if let Some(after) = assignment.asks_for_end() {
                let end = queue.iter().filter(|candidate| place(candidate) > after).nth(rows_max - 1);
                assignment.end_at(end.map(place));
            }
            if !scan(&mut assignment, queue) {
                break;
            }
        }
        continuation = assignment.continuation();
        if continuation.is_none() {
            let matches = assignment.matches().to_vec();
            return (matches.clone(), !matches.is_empty() && assignment.is_cut(), parts);
        }
        parts += 1;
    }
}

impl Scan {
    /// Returns true if the statement of the stores would return this candidate.
    fn lets_through(&self, candidate: &Candidate) -> bool {
        let names = &candidate.executor_names;
        let function = &candidate.function;
        (names.is_empty() || names.iter().any(|name| self.names.contains(name)))
            && (self.functions.as_ref().is_none_or(|names| names.contains(function))
                || self.prefixes.iter().any(|prefix| function.starts_with(prefix)))
            && !self.closed_functions.contains(function)
            && !self.refused_sorts.contains(&candidate.sort)
            && (self.with_keys || (candidate.concurrency_key.is_none() && candidate.rate_key.is_none()))
            && candidate.concurrency_key.as_ref().is_none_or(|key| !self.full_concurrency_keys.contains(key))
            && candidate.rate_key.as_ref().is_none_or(|key| !self.spent_rate_keys.contains(key))
            && place(candidate) > self.after
            && place(candidate) <= self.until
    }
}

/// Returns the slot of each process, in the order of the queue.
fn assigned(slots: &[ClaimSlot], queue: &[Candidate]) -> Vec<(u128, usize)> {
    numbers(&assign(slots, [], queue))
}

fn numbers(assignment: &Assignment<'_>) -> Vec<(u128, usize)> {
    assignment.matches().iter().map(|one| (one.process_id.as_u128(), one.slot)).collect()
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
fn a_look_is_only_for_names_and_functions_with_room() {
    let narrow = ClaimSlot { grants: [grant(2, "b", &["g", "billing.*"])].into(), ..slot("b", 1) };
    let slots = [slot("a", 1), narrow, slot("none", 0)];
    let mut assignment = Assignment::new(&slots, LaneRestrictions::default());
    let scan = assignment.next_scan().unwrap();
    assert_eq!((scan.names.as_slice(), scan.functions.as_ref()), (&["a".to_owned(), "b".to_owned()][..], None));
    assignment.assign(&scan, &[waiting(1, &["a"]), waiting(2, &["a"])]);
    let scan = assignment.next_scan().unwrap();
    assert_eq!(scan.names, ["b"]);
    assert_eq!((scan.functions, scan.prefixes), (Some(vec!["g".to_owned()]), vec!["billing.".to_owned()]));
    assert_eq!(scan.refused_sorts, ["f [\"a\"]"]);
}

#[test]
fn work_goes_to_whoever_has_what_it_requires() {
    let slots = [offering("1", "", 1), offering("4", "Lund", 2)];
    let queue = [needing(1, "2", ""), needing(2, "8", ""), needing(3, "500m", "lund"), needing(4, "1", "")];
    assert_eq!(assigned(&slots, &queue), [(1, 1), (3, 1), (4, 0)]);
}

#[test]
fn an_offer_without_limits_meets_every_amount_and_no_place() {
    let queue = [needing(1, "4000", ""), needing(2, "1", "lund")];
    assert_eq!(assigned(&[slot("a", 2)], &queue), [(1, 0)]);
}

#[test]
fn work_is_leased_under_the_grant_that_covers_it() {
    let grants = [grant(1, "old", &["f"]), grant(2, "bee", &["g", "h"]), grant(3, "bee", &["h", "i.*"])];
    let slots = [ClaimSlot { grants: grants.into(), ..slot("", 9) }];
    let named = Candidate { function: "h".to_owned(), sort: "named".to_owned(), ..waiting(6, &["old"]) };
    let queue = [calling(1, "i.x"), calling(2, "g"), calling(3, "other"), calling(4, "h"), calling(5, "f"), named];
    let assignment = assign(&slots, [], &queue);
    let got: Vec<_> = assignment.matches().iter().map(|one| (one.process_id.as_u128(), one.executor.0)).collect();
    assert_eq!(got, [(1, 3), (2, 2), (4, 2), (5, 1)]);
}

#[test]
fn a_closed_lane_gives_nothing() {
    let slots = [slot("a", 9)];
    let assignment = assign(&slots, [LaneRestriction::Closed], &[waiting(1, &[])]);
    assert!(assignment.matches().is_empty());
    assert!(!assignment.empty_result().has_more);
}

#[test]
fn a_paused_function_stays_and_hinders_nobody() {
    let slots = [slot("a", 9)];
    let queue = [calling(1, "f"), calling(2, "g"), calling(3, "f")];
    let assignment = assign(&slots, [LaneRestriction::PausedFunction("f".to_owned())], &queue);
    assert_eq!(numbers(&assignment), [(2, 0)]);
}

#[test]
fn who_is_drained_gets_nothing_and_is_told() {
    let two_names = ClaimSlot { grants: [grant(1, "a", &["*"]), grant(2, "c", &["*"])].into(), ..slot("", 1) };
    let slots = [slot("a", 9), slot("b", 1), two_names];
    let queue: Vec<Candidate> = (1..=3).map(|number| waiting(number, &[])).collect();
    let assignment = assign(&slots, [LaneRestriction::DrainedName("a".to_owned())], &queue);
    assert_eq!(numbers(&assignment), [(1, 1), (2, 2)]);
    assert_eq!(assignment.matches()[1].executor, GrantKey(2), "under the name that is not drained");
    assert_eq!(assignment.empty_result().drained, [0]);
}

#[test]
fn a_claim_takes_no_more_than_a_look_may() {
    let slots: Vec<ClaimSlot> = (0..CLAIM_PASS_COUNT_MAX + 10).map(|_| slot("a", 1)).collect();
    let queue: Vec<Candidate> = (0..2 * CLAIM_PASS_COUNT_MAX as u128).map(|number| waiting(number, &[])).collect();
    let assignment = assign(&slots, [], &queue);
    assert_eq!(assignment.matches().len(), CLAIM_PASS_COUNT_MAX);
}

#[test]
fn unclaimable_work_is_skipped_in_few_scans() {
    let slots = [slot("a", 1)];
    let mut queue: Vec<Candidate> = (1..=20_000).map(|number| needing(number, "1", "nowhere")).collect();
    queue.push(waiting(30_000, &[]));
    let mut assignment = Assignment::new(&slots, LaneRestrictions::default());
    let (mut scans, mut seen) = (0, 0);
    while let Some(scan) = assignment.next_scan() {
        let beyond = queue.iter().filter(|one| scan.lets_through(one));
        let found: Vec<Candidate> = beyond.take(scan.most).cloned().collect();
        (scans, seen) = (scans + 1, seen + found.len());
        assignment.assign(&scan, &found);
    }
    assert_eq!(numbers(&assignment), [(30_000, 0)]);
    assert!(scans <= 2 && seen <= 3, "{scans} scans of {seen} rows");
}

#[test]
fn a_long_scan_is_cut_into_parts_and_ends_at_the_first_match() {
    let slots = [slot("a", 3)];
    // Sorts of their own, more than are left out: each is looked at.
    let mut queue: Vec<Candidate> = (1..=1000)
        .map(|number| Candidate { sort: format!("own {number}"), ..needing(number, "1", "nowhere") })
        .collect();
    queue.extend([waiting(5000, &[]), waiting(5001, &[])]);
    let (matches, has_more, parts) = assign_in_parts(&slots, &[], &queue, 100);
    assert_eq!(matches.iter().map(|one| one.process_id.as_u128()).collect::<Vec<_>>(), [5000, 5001]);
    assert!(!has_more && parts == 10, "{parts} parts");
    queue.extend(
        (6000..6200).map(|number| Candidate { sort: format!("own {number}"), ..needing(number, "1", "nowhere") }),
    );
    let (matches, has_more, _) = assign_in_parts(&slots, &[], &queue, 100);
    assert!(matches.len() == 2 && has_more, "what it has is given before the continuation is looked through");
}

fn names() -> impl Strategy<Value = Vec<&'static str>> {
    prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(prop::sample::select(vec!["a", "b", "z"]), 1..3)]
}

fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let candidate = (names(), 0..3_usize, 0..4_i64, prop::sample::select(vec!["", "lund", "kiel"]));
    prop::collection::vec(candidate, 0..40).prop_map(|drawn| {
        let make = |(number, (names, function, cpu, location)): (usize, (Vec<&str>, usize, i64, &str))| {
            let requires = Requirements {
                cpu: (cpu > 0).then(|| cpu.to_string().parse().unwrap()),
                location: Some(location.to_owned()).filter(|location| !location.is_empty()),
                ..Requirements::default()
            };
            let function = ["f", "g", "g.x"][function].to_owned();
            let sort = format!("{function} {names:?} {requires:?}");
            Candidate { function, requires, sort, ..waiting(number as u128 + 1, &names) }
        };
        drawn.into_iter().enumerate().map(make).collect()
    })
}

fn slots() -> impl Strategy<Value = Vec<ClaimSlot>> {
    let functions = prop::sample::select(vec![vec!["*"], vec!["f"], vec!["g.*", "f"], vec!["g*"], vec![]]);
    let grants = prop::collection::vec((prop::sample::select(vec!["a", "b", "c"]), functions), 1..3);
    let slot = (grants, 0..4_usize, 0..4_i64, prop::sample::select(vec!["", "LUND", "kiel"]));
    prop::collection::vec(slot, 0..6).prop_map(|drawn| {
        drawn
            .into_iter()
            .map(|(grants, count, cpu, location)| {
                let offer = Offer {
                    cpu: (cpu > 0).then(|| cpu.to_string().parse().unwrap()),
                    location: Some(location.to_owned()).filter(|location| !location.is_empty()),
                    ..Offer::default()
                };
                let grants =
                    grants.iter().zip(1..).map(|((name, functions), key)| grant(key, name, functions)).collect();
                ClaimSlot { grants, offer: Arc::new(offer), count, lease_ms: 1000, instance: None }
            })
            .collect()
    })
}

fn restrictions() -> impl Strategy<Value = Vec<LaneRestriction>> {
    let restriction = prop_oneof![
        1 => Just(LaneRestriction::Closed),
        4 => prop::sample::select(vec!["f", "g"]).prop_map(|name| LaneRestriction::PausedFunction(name.to_owned())),
        4 => prop::sample::select(vec!["a", "b"]).prop_map(|name| LaneRestriction::DrainedName(name.to_owned())),
    ];
    prop::collection::vec(restriction, 0..2)
}

/// Returns true if this slot may have this process: the rule in its simplest form, to test against.
fn fits(slot: &ClaimSlot, restrictions: &[LaneRestriction], candidate: &Candidate) -> bool {
    let names = &candidate.executor_names;
    let grant_fits = |grant: &SlotGrant| {
        !restrictions.contains(&LaneRestriction::DrainedName(grant.name.clone()))
            && (names.is_empty() || names.contains(&grant.name))
            && grant.scopes.cover("any", &candidate.function)
    };
    !restrictions.contains(&LaneRestriction::Closed)
        && !restrictions.contains(&LaneRestriction::PausedFunction(candidate.function.clone()))
        && candidate.requires.is_met_by(&slot.offer)
        && slot.grants.iter().any(grant_fits)
}

proptest! {
    /// Checks that a claim gives nothing that does not fit, gives in order, and leaves nothing that fits while room is left.
    #[test]
    fn everybody_gets_what_fits_in_order(slots in slots(), restrictions in restrictions(), queue in candidates()) {
        let assignment = assign(&slots, restrictions.clone(), &queue);
        let mut room: Vec<usize> = slots.iter().map(|slot| slot.count).collect();
        let mut expected = Vec::new();
        for candidate in &queue {
            let free = |index: &usize| room[*index] > 0 && fits(&slots[*index], &restrictions, candidate);
            if let Some(index) = (0..slots.len()).find(free) {
                room[index] -= 1;
                expected.push((candidate.process_id.as_u128(), index));
            }
        }
        prop_assert_eq!(numbers(&assignment), expected);
        for one in assignment.matches() {
            let candidate = queue.iter().find(|candidate| candidate.process_id == one.process_id).unwrap();
            let grant = slots[one.slot].grants.iter().find(|grant| grant.key == one.executor).unwrap();
            prop_assert!(grant.scopes.cover("any", &candidate.function), "leased under a grant that covers it");
        }
    }

    /// Checks that claims give the same work to the same slots, however few processes a transaction reads.
    #[test]
    fn in_parts_everybody_gets_the_same(slots in slots(), restrictions in restrictions(), queue in candidates(), rows_max in 1..20_usize) {
        let expected = numbers(&assign(&slots, restrictions.clone(), &queue));
        let (mut slots, mut queue, mut given, mut has_more) = (slots, queue, Vec::new(), true);
        while has_more {
            let (matches, more, _) = assign_in_parts(&slots, &restrictions, &queue, rows_max);
            for one in &matches {
                slots[one.slot].count -= 1;
                queue.retain(|candidate| candidate.process_id != one.process_id);
                given.push((one.process_id.as_u128(), one.slot));
            }
            has_more = more;
        }
        given.sort_unstable();
        prop_assert_eq!(given, expected);
    }
}
