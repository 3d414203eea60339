//! What every command gets.

use crate::logging::Log;
use crate::output::Format;
use crate::reload::Source;
use crate::settings::Settings;

/// What every command gets.
pub(crate) struct Context {
    /// The settings in effect.
    pub(crate) settings: Settings,
    /// The place that they were read from; `None` for a command that reads none.
    pub(crate) source: Option<Source>,
    /// The log.
    pub(crate) log: Log,
    /// How to print data.
    pub(crate) format: Format,
}
