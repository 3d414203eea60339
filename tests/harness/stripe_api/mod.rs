//! A stand-in for Stripe's API: a real HTTP server, whose objects have the form of Stripe's published fixtures.

mod objects;
mod request;
mod server;

pub use objects::fixture;
pub use server::{StandIn, Trouble};
