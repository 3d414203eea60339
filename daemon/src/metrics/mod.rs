//! Metrics of a long-running part, in Prometheus' text format.
//!
//! A counting part gets a handle once, at the start, and then changes an atomic number. Label values from outside go through
//! [`ByLabel`], which bounds them. What must be read, such as the depth of a queue, is read when somebody scrapes.

mod handles;
mod labels;
mod page;
mod process;
mod registry;

pub use handles::{Counter, Gauge, Histogram, Total};
pub use labels::{ByLabel, Gauges, OTHER, VALUES_MAX};
pub use page::{MetricsPage, PATH, may_scrape, serve};
pub use registry::{Metrics, SeriesTable};

#[cfg(test)]
mod tests;
