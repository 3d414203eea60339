//! Series by a label whose values come from outside: so many values have a series of their own, and the rest share [`OTHER`].

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::OnceLock;

use super::Gauge;

/// Values of a label that have series of their own, as a rule. An executor type has some sixty lines in a scrape.
pub const VALUES_MAX: usize = 128;
/// The value that stands for all beyond the bound.
pub const OTHER: &str = "other";

type Make<H> = Box<dyn Fn(&str) -> H + Send + Sync>;

/// Handles by the value of a label. A look-up takes no lock and allocates nothing, once the value is known.
pub struct ByLabel<H> {
    places: Box<[OnceLock<(String, H)>]>,
    other: OnceLock<H>,
    hashes: RandomState,
    make: Make<H>,
}

impl<H> ByLabel<H> {
    /// Creates a table for up to [`VALUES_MAX`] values; `make` returns the handles of a new one.
    pub fn new(make: impl Fn(&str) -> H + Send + Sync + 'static) -> Self {
        Self::sized(VALUES_MAX, make)
    }

    /// Creates a table for so many values.
    pub fn sized(values_max: usize, make: impl Fn(&str) -> H + Send + Sync + 'static) -> Self {
        let places = (0..values_max).map(|_| OnceLock::new()).collect();
        Self { places, other: OnceLock::new(), hashes: RandomState::new(), make: Box::new(make) }
    }

    /// Returns the handles of a value, or those of all that share [`OTHER`].
    pub fn of(&self, value: &str) -> &H {
        match self.places.get(self.place(value)).and_then(OnceLock::get) {
            Some((_, handles)) => handles,
            None => self.other.get_or_init(|| (self.make)(OTHER)),
        }
    }

    /// Returns the place of a value, taking a free one for a new value; the number of places if none is left.
    fn place(&self, value: &str) -> usize {
        let count = self.places.len();
        let first = usize::try_from(self.hashes.hash_one(value) % (count as u64).max(1)).unwrap_or(0);
        // A place never becomes free again, so that a value is found where the search for it first ended.
        for place in (first..count).chain(0..first) {
            let (known, _) = self.places[place].get_or_init(|| (value.to_owned(), (self.make)(value)));
            if known == value {
                return place;
            }
        }
        count
    }

    /// Returns the handles so far, with their places.
    fn known(&self) -> impl Iterator<Item = (usize, &H)> {
        let own = self.places.iter().enumerate().filter_map(|(place, known)| Some((place, &known.get()?.1)));
        own.chain(self.other.get().map(|other| (self.places.len(), other)))
    }
}

impl<H> fmt::Debug for ByLabel<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByLabel({} values)", self.known().count())
    }
}

/// Gauges by the value of a label, all set at once.
#[derive(Debug)]
pub struct Gauges {
    gauges: ByLabel<Gauge>,
    join: fn(f64, f64) -> f64,
}

impl Gauges {
    /// Creates gauges whose numbers are joined where several share one series: by a sum for counts, by the greatest for ages.
    pub fn new(join: fn(f64, f64) -> f64, make: impl Fn(&str) -> Gauge + Send + Sync + 'static) -> Self {
        Self { gauges: ByLabel::new(make), join }
    }

    /// Sets the numbers of these values, and of every other value 0.
    pub fn replace<'v>(&self, numbers: impl IntoIterator<Item = (&'v str, f64)>) {
        let mut joined = [0.0; VALUES_MAX + 1];
        for (value, number) in numbers {
            self.gauges.of(value);
            let place = &mut joined[self.gauges.place(value)];
            *place = (self.join)(*place, number);
        }
        self.gauges.known().for_each(|(place, gauge)| gauge.set(joined[place]));
    }
}
