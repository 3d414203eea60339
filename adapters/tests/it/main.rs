//! The webhook adapter over real sockets and on a real disk, with a broker that does as it is told.

mod cases;
mod events;
mod harness;
mod kill;
mod limits;
mod responses;
mod settings;
mod slow;
mod spool;
mod waits;
