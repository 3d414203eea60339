//! `ProcessService`, and the HTTP door beside it.

mod curl;
mod get_process;
mod http_door;
mod list_processes;
mod submit;
mod watch;
