//! A bounded sample of the stream. Of too many events the oldest of the most frequent kind goes first, so that a flood of one kind, which a
//! stranger may cause, hides no event of another.

use std::collections::{BTreeMap, VecDeque};

use super::fact::Fact;

/// Facts of a stream, at most so many.
pub(super) struct Sample {
    most: usize,
    count: usize,
    kinds: BTreeMap<String, VecDeque<Fact>>,
    /// The time of the last fact that was left out.
    left_out_ms: Option<i64>,
}

impl Sample {
    /// Returns an empty sample with room for so many facts.
    pub(super) fn new(most: usize) -> Self {
        Self { most, count: 0, kinds: BTreeMap::new(), left_out_ms: None }
    }

    /// Adds a fact that follows those before it in the stream.
    pub(super) fn add(&mut self, fact: Fact) {
        match self.kinds.get_mut(&fact.kind) {
            Some(facts) => facts.push_back(fact),
            None => drop(self.kinds.insert(fact.kind.clone(), VecDeque::from([fact]))),
        }
        self.count = self.count.saturating_add(1);
        while self.count > self.most {
            self.leave_out();
        }
    }

    /// Returns the time up to which facts may be missing; `None` if none is.
    pub(super) fn left_out_ms(&self) -> Option<i64> {
        self.left_out_ms
    }

    /// Returns the facts, each kind in the order of the stream.
    pub(super) fn into_facts(self) -> Vec<Fact> {
        let mut facts = Vec::with_capacity(self.count);
        self.kinds.into_values().for_each(|kind| facts.extend(kind));
        facts
    }

    fn leave_out(&mut self) {
        // Few kinds: as many as the broker has, which makes up none.
        if let Some(fact) = self.kinds.values_mut().max_by_key(|facts| facts.len()).and_then(VecDeque::pop_front) {
            self.left_out_ms = self.left_out_ms.max(Some(fact.time_ms));
        }
        self.count = self.count.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::super::fact::Source;
    use super::*;

    fn sample(kinds: impl IntoIterator<Item = &'static str>) -> Sample {
        let mut sample = Sample::new(100);
        for (number, kind) in kinds.into_iter().enumerate() {
            let number = i64::try_from(number).unwrap();
            sample.add(Fact::new(kind, number, Source::Stream(number)));
        }
        sample
    }

    fn positions(sample: Sample, kind: &str) -> Vec<i64> {
        sample.into_facts().into_iter().filter(|fact| fact.kind == kind).map(|fact| fact.time_ms).collect()
    }

    #[test]
    fn what_has_room_is_complete() {
        let sample = sample(vec!["refused.rate"; 100]);
        assert_eq!((sample.left_out_ms(), sample.into_facts().len()), (None, 100));
    }

    #[test]
    fn a_flood_leaves_out_its_own_kind_only() {
        let flood = ["refused.replay"; 3].into_iter().chain(["refused.rate"; 5000]).chain(["grant.added"; 2]);
        let told = sample(flood.clone());
        assert_eq!(told.left_out_ms(), Some(3 + 5000 - 95 - 1));
        assert_eq!(positions(told, "refused.replay"), [0, 1, 2]);
        assert_eq!(positions(sample(flood.clone()), "grant.added"), [5003, 5004]);
        let kept = positions(sample(flood), "refused.rate");
        assert_eq!((kept.len(), kept.first(), kept.last()), (95, Some(&(3 + 4905)), Some(&5002)), "the last of them");
    }

    #[test]
    fn two_floods_share_the_room() {
        let both = (0..1000).map(|number| if number % 2 == 0 { "refused.size" } else { "refused.rate" });
        let sample = sample(both);
        assert_eq!(positions(sample, "refused.size").len(), 50);
    }
}
