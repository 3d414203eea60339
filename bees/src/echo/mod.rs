//! The echo bee: gives back what it gets, or sleeps, or fails, as it is told.

mod bee;

pub use bee::Echo;
