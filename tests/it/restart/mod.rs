//! Stops, restarts, signals, lost databases, refused events, and tasks that cannot continue.

mod broker;
mod database;
mod full_disk;
mod functions;
#[cfg(debug_assertions)]
mod hopeless;
mod kill;
mod refused;
mod signals;
mod streams;
mod surroundings;
mod tasks;
mod undelivered;
mod warnings;
