//! `apiary doctor`: checks the installation, and gives advice for each fault.

mod broker;
mod examination;
mod finding;
mod neighbours;
mod settings;

pub(crate) use examination::{Arguments, run};
