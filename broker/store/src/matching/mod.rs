//! Who gets which process, decided without I/O inside the claim's transaction.

pub mod allowance;
pub mod assignment;
mod ceiling;
pub mod gates;
pub mod overflow;
