//! The commands: a file each, in the folder of its noun.

pub(crate) mod bee;
pub(crate) mod broker;
pub(crate) mod bulk;
pub(crate) mod colony;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod event;
pub(crate) mod executor;
pub(crate) mod function;
pub(crate) mod grant;
pub(crate) mod guard;
pub(crate) mod import;
pub(crate) mod install;
pub(crate) mod key;
pub(crate) mod lease;
pub(crate) mod limit;
pub(crate) mod man;
pub(crate) mod pause;
pub(crate) mod process;
pub(crate) mod record;
pub(crate) mod spool;
pub(crate) mod tls;
pub(crate) mod up;
pub(crate) mod webhook;
