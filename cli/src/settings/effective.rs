//! The settings in effect: defaults < file < credentials < environment < flags.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use apiary_settings::{Origin, Values};

use super::file::SearchPath;
use super::flags::Flags;
use super::table::TABLE;
use super::{environment, file};
use crate::exit::Fault;

/// The settings in effect, and the problems found on the way to them.
#[derive(Default)]
pub(crate) struct Settings {
    pub(super) values: Values,
    file: Option<PathBuf>,
    /// Warnings, logged as soon as the log has started.
    pub(super) warnings: Vec<String>,
}

impl Settings {
    /// Reads all sources.
    pub(crate) fn load(
        place: &SearchPath,
        flags: &Flags,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Fault> {
        let mut settings = Self { values: Self::defaults(), file: place.find(), warnings: Vec::new() };
        if let Some(path) = settings.file.clone() {
            file::read(&path, &mut settings)?;
        }
        if let Some(folder) = variable("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty()) {
            environment::read_credentials(&mut settings, Path::new(&folder))?;
        }
        environment::read(&mut settings, variable)?;
        flags.read(&mut settings)?;
        Ok(settings)
    }

    /// Returns the defaults alone.
    pub(crate) fn defaults() -> Values {
        let mut values = Values::default();
        for setting in TABLE.iter() {
            let default = setting.default.and_then(|text| setting.kind.read(text).ok());
            if let Some(value) = default {
                values.put(setting, value, Origin::Default);
            }
        }
        values
    }

    /// Reads a configuration file alone.
    pub(crate) fn of_file(path: &Path) -> Result<Self, Fault> {
        let mut settings = Self::default();
        file::read(path, &mut settings)?;
        Ok(settings)
    }

    /// Returns the values alone, as bees and webhook sources read them.
    pub(crate) fn values(&self) -> &Values {
        &self.values
    }

    /// Returns the file that was read.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Returns the warnings from reading the settings.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl Deref for Settings {
    type Target = Values;

    fn deref(&self) -> &Values {
        &self.values
    }
}
