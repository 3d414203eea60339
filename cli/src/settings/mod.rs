//! Settings: a single table defines the file, the environment, the flags, `apiary config show` and
//! `docs/configuration.md`.

mod effective;
mod environment;
mod file;
mod flags;
mod setting;
pub(crate) mod table;
mod value;

#[cfg(test)]
mod tests;

pub(crate) use effective::{Origin, Settings};
pub(crate) use environment::unknown_variables;
pub(crate) use file::{Place, default_data_folder};
pub(crate) use flags::Flags;
pub(crate) use setting::Setting;
pub(crate) use table::is_setting;
