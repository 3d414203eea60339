//! `LeaseService`.

mod claim;
mod complete;
mod deadlines;
mod fail;
mod order;
mod release;
mod renew;
mod wakeups;
