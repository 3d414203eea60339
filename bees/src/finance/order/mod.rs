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
    let costs = links::costs(events, &candidates, None);
    if let Some(winner) = certain(events, &costs) {
        return Some(Decision { winner, is_certain: true, is_open: false });
    }
    let start = decide(before, &[]).filter(|decision| decision.is_certain).map(|decision| &before[decision.winner]);
    let costs = match start {
        Some(start) => links::costs(events, &candidates, Some(start)),
        None => costs,
    };
    let known = certain(events, &costs);
    let cheapest = costs.iter().map(|(_, cost)| *cost).min()?;
    let last = costs.iter().filter(|(_, cost)| *cost == cheapest).map(|(event, _)| *event).collect();
    let winner = known.or_else(|| ranks::highest(events, last, cheapest))?;
    Some(Decision { winner, is_certain: known.is_some(), is_open: true })
}

/// Returns the last event, if one state only can be the last: at the end of an order without any gap, or else of one all
/// of whose links are supported.
fn certain(events: &[Contender], costs: &[(usize, Cost)]) -> Option<usize> {
    let one_state = |can_be_last: &dyn Fn(Cost) -> bool| {
        let mut last = costs.iter().filter(|(_, cost)| can_be_last(*cost)).map(|(event, _)| *event);
        let winner = last.next()?;
        last.all(|event| events[event].shows_the_same(&events[winner])).then_some(winner)
    };
    one_state(&|cost| cost == Cost::NONE).or_else(|| one_state(&Cost::is_supported))
}

#[cfg(test)]
mod tests;
