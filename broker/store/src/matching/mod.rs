//! The decisions of a claim, and of a submit under limits: pure functions, called inside the transaction of the store.

pub mod allowance;
pub mod assignment;
mod ceiling;
pub mod gates;
pub mod overflow;
