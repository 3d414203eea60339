//! The rules of the security bee: for each a test of hits, and one of false alarms over days of believable traffic.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking, as its assertions do")]

mod day;
mod rules;
