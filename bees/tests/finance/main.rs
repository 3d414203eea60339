//! The finance bee against real databases, a real PostgREST-compatible server, and Stripe's own fixtures.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail by panicking, as its assertions do")]

mod access;
mod batch;
mod cases;
mod harness;
mod history;
mod hostile;
mod items;
mod large;
mod lifecycle;
mod objects;
mod order;
mod postgres;
mod reads;
mod rest;
mod restart;
mod same_second;
mod shadow;
mod stand_in;
mod undecided;
mod versions;
