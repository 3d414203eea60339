//! Routes of events, the same for every source: lines of `PATTERN = EXECUTOR_TYPE/FUNCTION`, read from top to bottom.

mod pattern;
mod route;
mod rule;
mod table;
#[cfg(test)]
mod tests;

pub use route::Route;
pub use table::{Destination, RouteLine, RouteTable, Targets};
