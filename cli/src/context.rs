//! What every command gets.

use crate::output::Format;
use crate::settings::Settings;

/// What every command gets.
pub(crate) struct Context {
    /// The settings in effect.
    pub(crate) settings: Settings,
    /// How to print data.
    pub(crate) format: Format,
}
