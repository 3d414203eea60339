//! Leases: claimed once, fenced by their token, ended once.

mod claim;
mod complete;
mod fail;
mod get;
mod matching;
mod release;
mod renew;
