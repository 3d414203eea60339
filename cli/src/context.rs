//! Context of every command.

use crate::logging::Log;
use crate::output::Format;
use crate::reload::Source;
use crate::settings::Settings;

/// Context of every command.
pub(crate) struct Context {
    /// The settings in effect.
    pub(crate) settings: Settings,
    /// Source of the settings; `None` for a command that reads none.
    pub(crate) source: Option<Source>,
    /// The log.
    pub(crate) log: Log,
    /// Format of the output.
    pub(crate) format: Format,
}
