//! Stops, restarts, lost databases.

mod broker;
mod database;
mod kill;
mod parts;
mod streams;
mod tasks;
