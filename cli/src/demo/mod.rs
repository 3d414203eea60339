//! The demonstration: a colony in a temporary folder receives Stripe webhooks, and the results are checked.

pub(crate) mod events;
pub(crate) mod poster;
mod report;
mod run;
mod story;

pub(crate) use report::Report;
pub(crate) use run::run;
