//! Stops, restarts, signals, lost databases, and what a broker refuses or cannot go on with.

mod broker;
mod database;
mod full_disk;
#[cfg(debug_assertions)]
mod hopeless;
mod kill;
mod parts;
mod refused;
mod signals;
mod streams;
mod surroundings;
mod tasks;
mod warnings;
