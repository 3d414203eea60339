//! Order of the events of one object that bear the same second.
//!
//! Every event shows the object after its change, and most list the previous values of what they changed. Event B
//! follows event A exactly if B's object, with its previous values put back, is A's object. The order in which all events
//! follow each other is the one that happened; its last event shows the state.
//!
//! Where the previous values leave more than one state possible, the state before that second can decide: events that
//! lead in a circle (`active` to `past_due` and back) end where they began. What is left is not certain. It is decided
//! the same way whatever the order of arrival, and never by the events' ids: the owner of the record is told, and with a
//! key for Stripe the object is read there instead.

mod contender;
mod links;
mod previous;
mod ranks;

use super::limits::CONTENDERS_MAX;
pub(super) use contender::Contender;
use links::Cost;

/// The event that shows the state at the end of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// Index of the event.
    pub(super) winner: usize,
    /// False if another event may have been the last.
    pub(super) is_certain: bool,
    /// True if an older event could lead to another decision.
    pub(super) is_open: bool,
}

/// Decides which of the events of one second shows the state; `None` without events. `before` are the events of the last
/// second before.
pub(super) fn decide(events: &[Contender], before: &[Contender]) -> Option<Decision> {
    // Nothing follows a final state, whatever its second.
    let is_final = events.iter().any(Contender::is_final);
    let candidates: Vec<usize> = (0..events.len()).filter(|n| events[*n].is_final() == is_final).collect();
    let first = *candidates.first()?;
    if candidates.iter().all(|n| events[*n].shows_the_same(&events[first])) {
        return Some(Decision { winner: first, is_certain: true, is_open: false });
    }
    if candidates.len() > CONTENDERS_MAX {
        let winner = ranks::highest(events, candidates, Cost::UNKNOWN)?;
        return Some(Decision { winner, is_certain: false, is_open: false });
    }
    let (cost, last) = links::cheapest_ends(events, &candidates, None);
    if let Some(winner) = certain(events, cost, &last) {
        return Some(Decision { winner, is_certain: true, is_open: false });
    }
    let start = decide(before, &[]).filter(|decision| decision.is_certain).map(|decision| &before[decision.winner]);
    let (cost, last) = match start {
        Some(start) => links::cheapest_ends(events, &candidates, Some(start)),
        None => (cost, last),
    };
    let known = certain(events, cost, &last);
    let winner = known.or_else(|| ranks::highest(events, last, cost))?;
    Some(Decision { winner, is_certain: known.is_some(), is_open: true })
}

/// Returns the last event if an order without a gap leads to one state only.
fn certain(events: &[Contender], cost: Cost, last: &[usize]) -> Option<usize> {
    let winner = *last.first()?;
    let is_one_state = last.iter().all(|n| events[*n].shows_the_same(&events[winner]));
    (cost == Cost::NONE && is_one_state).then_some(winner)
}

#[cfg(test)]
mod tests;
