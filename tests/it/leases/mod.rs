//! `LeaseService`.

mod claim;
mod complete;
mod fail;
mod release;
mod renew;
