//! What happens to processes: the verbs, one file each, and the machinery that they share.

mod add_grant;
mod backoff;
mod board;
mod claim;
mod claimer;
mod clock;
mod committer;
mod complete;
mod create_colony;
mod endings;
mod fail;
mod get_colony;
mod get_process;
mod grantbook;
pub mod lifecycle;
mod list_grants;
mod list_pauses;
mod list_processes;
mod machine;
mod pause;
mod prioritytime;
mod relay;
mod release;
mod renew;
mod resume;
mod submit;
mod sweep;
mod wakeups;
mod watch;

pub(crate) use claim::{ClaimOrder, Leased};
pub(crate) use get_process::ProcessDetail;
pub(crate) use grantbook::GrantBook;
pub(crate) use list_grants::GrantPage;
pub(crate) use list_processes::ProcessPage;
pub(crate) use machine::Engine;
pub(crate) use watch::WatchTarget;
