//! The executors that ship with Apiary.
//!
//! - [`finance`] keeps the state of record of Stripe's customers and subscriptions.
//! - [`echo`] gives back what it gets: for trying out a colony, and for measuring one.
//!
//! A bee talks to the outside through [`outbound`]: bounded retries behind a [`breaker`].

pub mod breaker;
pub mod echo;
pub mod finance;
pub mod outbound;
