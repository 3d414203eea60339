//! Features, over a real socket, on each database: one file per verb, and one per promise.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests, also where they are plain functions that each store runs"
)]

#[macro_use]
extern crate apiary_tests;

mod archives;
mod attacks;
mod bees;
mod brokers;
mod bulks;
mod clients;
mod colonies;
mod databases;
mod disks;
mod events;
mod executors;
mod grants;
mod import;
mod leases;
mod limits;
mod outbox;
mod pauses;
mod policy;
mod processes;
mod proxies;
mod restart;
mod security;
