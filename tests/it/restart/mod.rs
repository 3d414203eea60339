//! Stops, restarts, lost databases.

mod broker;
mod database;
mod kill;
