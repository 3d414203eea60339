//! The decisions of a claim, and of a submit under limits: pure functions, called inside the transaction of the store.

pub mod allowance;
pub mod assignment;
pub mod hand_over;
mod offer_bound;
pub mod overflow;
pub mod plain;
pub mod restrictions;
