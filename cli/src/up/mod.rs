//! A whole colony in one process, on SQLite, in one folder. Every step of its start can be interrupted and repeated.

mod activity;
mod bees;
mod colony;
mod folder;
mod found;
mod grants;
mod keys;
mod ports;
mod signing_secret;

pub(crate) use colony::{Config, LocalColony};
pub(crate) use folder::{Folder, PROFILE};
pub(crate) use found::{bee_values, data_folder, spool, webhook_address, webhook_secret};
pub(crate) use ports::Ports;
