//! The outbox: rows of a user's own Postgres become processes, each once, in the order of their commits.

mod attacks;
mod kill;
mod order;
mod outages;
mod retries;
mod rows;
mod scene;
mod unusable;
