//! Settings: a single table defines the file, the environment, the flags, `apiary config show` and
//! `docs/configuration.md`.

mod effective;
mod environment;
mod file;
mod flags;
pub(crate) mod table;

#[cfg(test)]
mod tests;

pub(crate) use apiary_settings::{Origin, Setting};
pub(crate) use effective::Settings;
pub(crate) use environment::unknown_variables;
pub(crate) use file::{SearchPath, default_data_folder};
pub(crate) use flags::Flags;
pub(crate) use table::is_setting;
