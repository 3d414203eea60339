//! Handles of single series. Each is one or a few atomic numbers, shared by its clones.

use std::time::Duration;

/// A number that only grows.
#[derive(Clone, Debug)]
pub struct Counter(pub(super) Option<prometheus::IntCounter>);

/// A number that goes up and down.
#[derive(Clone, Debug)]
pub struct Gauge(pub(super) Option<prometheus::Gauge>);

/// A number that only grows, in parts of one, and that somebody else keeps.
#[derive(Clone, Debug)]
pub struct Total(pub(super) Option<prometheus::Counter>);

/// Observations, counted by size.
#[derive(Clone, Debug)]
pub struct Histogram(pub(super) Option<prometheus::Histogram>);

impl Counter {
    /// Adds one.
    pub fn add_one(&self) {
        self.add(1);
    }

    /// Adds a number.
    pub fn add(&self, number: u64) {
        if let Some(counter) = &self.0 {
            counter.inc_by(number);
        }
    }

    /// Raises the counter to a total that somebody else keeps. Only one caller at a time may do so: a refresher of a scrape.
    pub fn raise_to(&self, total: u64) {
        if let Some(counter) = &self.0 {
            counter.inc_by(total.saturating_sub(counter.get()));
        }
    }
}

impl Total {
    /// Raises the number. Only a refresher of a scrape may do so.
    pub fn raise_to(&self, total: f64) {
        if let Some(counter) = &self.0 {
            counter.inc_by((total - counter.get()).max(0.0));
        }
    }
}

impl Gauge {
    /// Sets the number.
    pub fn set(&self, number: f64) {
        if let Some(gauge) = &self.0 {
            gauge.set(number);
        }
    }

    /// Sets a count of things.
    pub fn set_count(&self, count: usize) {
        // Exact up to 2^53.
        self.set(count as f64);
    }

    /// Sets 1 for true and 0 for false.
    pub fn set_flag(&self, is_so: bool) {
        self.set(if is_so { 1.0 } else { 0.0 });
    }
}

impl Histogram {
    /// Adds an observation.
    pub fn add(&self, number: f64) {
        if let Some(histogram) = &self.0 {
            histogram.observe(number);
        }
    }

    /// Adds a time, in seconds.
    pub fn add_time(&self, time: Duration) {
        self.add(time.as_secs_f64());
    }

    /// Adds the time between two moments in milliseconds; a clock that was set back counts as no time.
    pub fn add_span_ms(&self, from_ms: i64, until_ms: i64) {
        self.add(until_ms.saturating_sub(from_ms).max(0) as f64 / 1000.0);
    }
}
