//! Tells people what needs attention: each finding once, with its remedy, and once more when it is over.
//!
//! A notifier ([`Opened`], then [`Running`]) runs inside of each part, so that those parts that live report one that died. It asks its
//! [`Source`] what is open, decides what is worth a message, and sends that to every target. What is open, what was sent, and
//! what has yet to be sent is in a file, so that a restart neither repeats nor forgets anything.

mod book;
mod config;
mod delivery;
mod finding;
pub mod limits;
mod message;
mod notifier;
mod settings;
mod state;
mod targets;

pub use config::NotifyConfig;
pub use finding::{Finding, Report, Source};
pub use message::{Change, Event, Message};
pub use notifier::{Opened, Running};
pub use settings::{COLONIES, SETTINGS, STATE_FOLDER};
pub use state::{OpenFinding, Overview, overview};
pub use targets::{TestAnswer, test_targets};
