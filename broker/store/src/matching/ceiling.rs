//! The most that any of many offers has.

use std::collections::BTreeSet;

use apiary_identity::{Offer, Requirements};

/// An upper bound of many offers: what is beyond it, none of them meets. So thousands of polls need not be asked one by one for work
/// that nobody can do.
#[derive(Debug, Default)]
pub(super) struct Ceiling {
    /// The most of each amount, and every tag; no place.
    most: Option<Offer>,
    /// Every place, in lower case.
    places: BTreeSet<String>,
}

impl Ceiling {
    /// The bound of these offers.
    pub(super) fn of<'o>(offers: impl Iterator<Item = &'o Offer>) -> Self {
        offers.fold(Self::default(), Self::with)
    }

    /// Whether some of the offers may meet it. A no is certain.
    pub(super) fn may_meet(&self, requires: &Requirements) -> bool {
        let is_place = |place: &String| self.places.contains(&place.to_ascii_lowercase());
        let anywhere = Requirements { location: None, ..requires.clone() };
        requires.location.as_ref().is_none_or(is_place)
            && self.most.as_ref().is_some_and(|most| anywhere.is_met_by(most))
    }

    fn with(mut self, offer: &Offer) -> Self {
        self.places.extend(offer.location.as_deref().map(str::to_ascii_lowercase));
        let most = self.most.take().unwrap_or_else(|| Offer { location: None, ..offer.clone() });
        self.most = Some(Offer {
            cpu: larger(most.cpu, offer.cpu),
            memory: larger(most.memory, offer.memory),
            gpus: most.gpus.max(offer.gpus),
            gpu_memory: larger(most.gpu_memory, offer.gpu_memory),
            location: None,
            tags: match offer.tags.is_subset(&most.tags) {
                true => most.tags,
                false => most.tags.into_iter().chain(offer.tags.iter().cloned()).collect(),
            },
        });
        self
    }
}

/// The larger of two amounts, of which `None` is not limited.
fn larger<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.zip(other).map(|(one, other)| one.max(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(cpu: &str, gpus: u32, location: &str, tags: &[&str]) -> Offer {
        Offer {
            cpu: cpu.parse().ok(),
            gpus: Some(gpus).filter(|gpus| *gpus > 0),
            location: Some(location.to_owned()).filter(|location| !location.is_empty()),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            ..Offer::default()
        }
    }

    fn needs(cpu: &str, location: &str, tags: &[&str]) -> Requirements {
        let Offer { cpu, location, tags, .. } = offer(cpu, 0, location, tags);
        Requirements { cpu, location, tags, ..Requirements::default() }
    }

    #[test]
    fn what_one_of_the_offers_meets_is_below_the_ceiling() {
        let offers = [offer("4", 0, "Lund", &["a"]), offer("2", 2, "", &["b", "c"])];
        let ceiling = Ceiling::of(offers.iter());
        for met in [needs("4", "LUND", &["a"]), needs("2", "", &["c"]), Requirements::default()] {
            assert!(offers.iter().any(|offer| met.is_met_by(offer)) && ceiling.may_meet(&met), "{met:?}");
        }
        let gpus = |gpus| Requirements { gpus: Some(gpus), ..Requirements::default() };
        assert!(ceiling.may_meet(&gpus(2)) && !ceiling.may_meet(&gpus(3)));
        for unmet in [needs("4001m", "", &[]), needs("1", "kiel", &[]), needs("1", "", &["a", "d"])] {
            assert!(!ceiling.may_meet(&unmet), "{unmet:?}");
        }
    }

    #[test]
    fn one_offer_without_limit_lifts_it() {
        let offers = [offer("4", 0, "", &[]), offer("", 0, "", &[]), offer("1", 0, "", &[])];
        assert!(Ceiling::of(offers.iter()).may_meet(&needs("4000", "", &[])));
        assert!(!Ceiling::of([].into_iter()).may_meet(&Requirements::default()), "nobody meets nothing");
    }
}
