//! An upper bound of many offers.

use std::collections::BTreeSet;

use apiary_identity::{Offer, Requirements};

/// An upper bound of many offers: requirements beyond it are met by none of them. It spares comparing work that no executor can do
/// with thousands of polls one by one.
#[derive(Debug, Default)]
pub(super) struct OfferBound {
    /// The maximum of each amount, and all tags, without a location; `None` if there are no offers.
    most: Option<Offer>,
    /// All locations, in lower case.
    places: BTreeSet<String>,
}

impl OfferBound {
    /// Returns the bound of these offers.
    pub(super) fn of<'o>(offers: impl Iterator<Item = &'o Offer>) -> Self {
        offers.fold(Self::default(), Self::with)
    }

    /// Returns true if one of the offers may meet the requirements. False positives are possible, false negatives are not.
    pub(super) fn may_meet(&self, requires: &Requirements) -> bool {
        // A location matches or does not, in any letter case, and has no maximum: so locations are a set apart from the amounts.
        let is_place = |place: &String| self.places.contains(&place.to_ascii_lowercase());
        let anywhere = Requirements { location: None, ..requires.clone() };
        requires.location.as_ref().is_none_or(is_place)
            && self.most.as_ref().is_some_and(|most| anywhere.is_met_by(most))
    }

    fn with(mut self, offer: &Offer) -> Self {
        self.places.extend(offer.location.as_deref().map(str::to_ascii_lowercase));
        // The bound mixes the amounts and tags of different offers, which no single offer may have together: hence the false positives.
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

/// Returns the larger of two amounts; `None` is unlimited.
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
    fn requirements_that_one_offer_meets_are_within_the_bound() {
        let offers = [offer("4", 0, "Lund", &["a"]), offer("2", 2, "", &["b", "c"])];
        let offer_bound = OfferBound::of(offers.iter());
        for met in [needs("4", "LUND", &["a"]), needs("2", "", &["c"]), Requirements::default()] {
            assert!(offers.iter().any(|offer| met.is_met_by(offer)) && offer_bound.may_meet(&met), "{met:?}");
        }
        let gpus = |gpus| Requirements { gpus: Some(gpus), ..Requirements::default() };
        assert!(offer_bound.may_meet(&gpus(2)) && !offer_bound.may_meet(&gpus(3)));
        for unmet in [needs("4001m", "", &[]), needs("1", "kiel", &[]), needs("1", "", &["a", "d"])] {
            assert!(!offer_bound.may_meet(&unmet), "{unmet:?}");
        }
    }

    #[test]
    fn one_offer_without_limit_lifts_it() {
        let offers = [offer("4", 0, "", &[]), offer("", 0, "", &[]), offer("1", 0, "", &[])];
        assert!(OfferBound::of(offers.iter()).may_meet(&needs("4000", "", &[])));
        assert!(!OfferBound::of([].into_iter()).may_meet(&Requirements::default()), "nobody meets nothing");
    }
}
