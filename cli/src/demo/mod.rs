//! A colony in a temporary folder, a story told to it by Stripe's webhooks, and a look at what came of it.

pub(crate) mod events;
pub(crate) mod poster;
mod report;
mod run;
mod story;

pub(crate) use report::Report;
pub(crate) use run::run;
