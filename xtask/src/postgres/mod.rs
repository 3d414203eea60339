//! A private Postgres for the length of one run: a cluster of its own in a temporary folder.

mod account;
mod binaries;
mod cluster;
mod folder;
mod guard;

pub(crate) use cluster::Cluster;
pub(crate) use guard::run as run_guard;
