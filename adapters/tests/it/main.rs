//! The webhook adapter over real sockets and on a real disk, with a broker that does as it is told.

mod cases;
mod events;
mod harness;
mod kill;
mod limits;
mod page;
mod responses;
mod routes;
mod settings;
mod slow;
mod sources;
mod spool;
mod vendors;
mod waits;
