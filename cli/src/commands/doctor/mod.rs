//! `apiary doctor`: checks the installation, and gives advice for each fault.

mod broker;
mod examination;
mod finding;
mod neighbours;
mod settings;

pub(crate) use broker::examine as examine_broker;
pub(crate) use examination::{Arguments, report, run};
pub(crate) use finding::{Finding, Verdict};
pub(crate) use neighbours::healthz;
pub(crate) use settings::examine as examine_settings;
