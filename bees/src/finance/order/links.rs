//! Costs of orders: how badly one event follows another.

use std::iter::Sum;
use std::ops::Add;

use super::contender::Contender;
use super::previous::{Differences, changes, differences};
use super::ranks::lifecycle;

/// Evidence against an order, the heaviest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cost {
    /// Previous values that are not those of the event before.
    contradictions: u32,
    /// Links that no previous values support.
    unknown: u32,
    /// Values that changed without being listed.
    unlisted: u32,
}

impl Cost {
    pub(super) const NONE: Self = Self { contradictions: 0, unknown: 0, unlisted: 0 };
    pub(super) const UNKNOWN: Self = Self { contradictions: 0, unknown: 1, unlisted: 0 };
    /// A link that cannot be: something before a creation, or after a deletion.
    const IMPOSSIBLE: Self = Self { contradictions: 100_000, unknown: 0, unlisted: 0 };

    fn contradictions(contradictions: u32) -> Self {
        Self { contradictions: contradictions.min(Self::IMPOSSIBLE.contradictions), ..Self::NONE }
    }

    fn unlisted(unlisted: u32) -> Self {
        Self { unlisted, ..Self::NONE }
    }

    /// Returns true for an order all of whose links are supported by previous values.
    pub(super) fn is_supported(self) -> bool {
        self.contradictions == 0 && self.unknown == 0
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            contradictions: self.contradictions.saturating_add(other.contradictions),
            unknown: self.unknown.saturating_add(other.unknown),
            unlisted: self.unlisted.saturating_add(other.unlisted),
        }
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::NONE, Add::add)
    }
}

/// Returns, for each of these events, the cost of the cheapest order in which it is the last. `start` is before all.
pub(super) fn costs(events: &[Contender], among: &[usize], start: Option<&Contender>) -> Vec<(usize, Cost)> {
    let count = among.len();
    let link = |from: usize, to: usize| follows(&events[among[from]], &events[among[to]]);
    let links: Vec<Vec<Cost>> = (0..count).map(|from| (0..count).map(|to| link(from, to)).collect()).collect();
    let first = |to: usize| start.map_or(Cost::NONE, |start| follows(start, &events[among[to]]));
    // `best[set][last]`: the cheapest order of a set of events with this one last.
    let mut best = vec![vec![None; count]; 1 << count];
    for set in 1_usize..1 << count {
        for last in (0..count).filter(|last| set & (1 << last) != 0) {
            let rest = set & !(1 << last);
            best[set][last] = match rest {
                0 => Some(first(last)),
                _ => (0..count).filter_map(|from| best[rest][from].map(|cost: Cost| cost + links[from][last])).min(),
            };
        }
    }
    let ends = best.pop().unwrap_or_default();
    among.iter().copied().zip(ends).filter_map(|(event, cost)| Some((event, cost?))).collect()
}

/// Returns the cost of one event right after another.
fn follows(earlier: &Contender, later: &Contender) -> Cost {
    if later.verb() == "created" || earlier.verb() == "deleted" {
        return Cost::IMPOSSIBLE;
    }
    if let Some(previous) = &later.previous {
        let listed = Some(previous).filter(|values| values.as_object().is_some_and(|values| !values.is_empty()));
        let Differences { listed, unlisted } = differences(listed, &later.object, &earlier.object);
        return Cost::contradictions(listed) + Cost::unlisted(unlisted);
    }
    let changed = changes(&later.object, &earlier.object);
    match (later.event_type.as_str(), lifecycle(earlier), lifecycle(later)) {
        // These announce a state, and change nothing.
        (
            "customer.subscription.trial_will_end"
            | "customer.subscription.pending_update_applied"
            | "customer.subscription.pending_update_expired"
            | "subscription_schedule.expiring",
            ..,
        ) => Cost::contradictions(changed),
        // These change the status; an update beside them may have shown the change already.
        ("customer.subscription.paused" | "customer.subscription.resumed", ..) => {
            let mut earlier = earlier.object.clone();
            earlier["status"] = later.object["status"].clone();
            Cost::unlisted(changes(&later.object, &earlier))
        }
        // Types that follow each other in one order only.
        (_, Some(before), Some(after)) => Cost::contradictions(u32::from(before > after)),
        _ if later.verb() == "deleted" || earlier.verb() == "created" || changed == 0 => Cost::NONE,
        _ => Cost::UNKNOWN,
    }
}
