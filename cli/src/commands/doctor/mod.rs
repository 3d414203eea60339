//! `apiary doctor`: looks at everything that must be right, and says what to do where it is not.

mod broker;
mod examination;
mod finding;
mod neighbours;
mod settings;

pub(crate) use examination::{Arguments, run};
