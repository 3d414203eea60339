//! The settings in effect: defaults < file < credentials < environment < flags.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use apiary_daemon::door::TrustedProxies;
use apiary_identity::Id;
use secrecy::SecretString;

use super::file::Place;
use super::flags::Flags;
use super::setting::Setting;
use super::table::TABLE;
use super::value::Value;
use super::{environment, file};
use crate::arguments::duration;
use crate::exit::Fault;

/// Source of a value, weakest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// The default in the table.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// A systemd credential.
    Credential(String),
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(String),
}

/// Every setting that has a value, with its source. Has no `Debug`, because it holds secrets.
#[derive(Default)]
pub(crate) struct Settings {
    values: BTreeMap<&'static str, (Value, Origin)>,
    file: Option<PathBuf>,
    /// Warnings, logged as soon as the log has started.
    pub(super) warnings: Vec<String>,
}

impl Settings {
    /// Reads all sources.
    pub(crate) fn load(place: &Place, flags: &Flags, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, Fault> {
        let mut settings = Self::default();
        for setting in TABLE {
            let default = setting.default.and_then(|text| setting.kind.read(text).ok());
            if let Some(value) = default {
                settings.put(setting, value, Origin::Default);
            }
        }
        settings.file = place.find();
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

    /// Reads a configuration file alone.
    pub(crate) fn of_file(path: &Path) -> Result<Self, Fault> {
        let mut settings = Self::default();
        file::read(path, &mut settings)?;
        Ok(settings)
    }

    /// Returns the file that was read.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Returns the warnings from reading the settings.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(super) fn put(&mut self, setting: &Setting, value: Value, origin: Origin) {
        self.values.insert(setting.key, (value, origin));
    }

    /// Returns the source of a setting's value; `None` if it has no value.
    pub(crate) fn origin(&self, setting: &Setting) -> Option<&Origin> {
        self.values.get(setting.key).map(|(_, origin)| origin)
    }

    /// Returns true if a source other than the table set it.
    pub(crate) fn is_set(&self, setting: &Setting) -> bool {
        self.origin(setting).is_some_and(|origin| *origin != Origin::Default)
    }

    /// Returns the value for display; a secret's is hidden.
    pub(crate) fn shown(&self, setting: &Setting) -> Option<String> {
        let (value, _) = self.values.get(setting.key)?;
        Some(if setting.secret { "(hidden)".to_owned() } else { value.to_string() })
    }

    /// Returns a text, address or word.
    pub(crate) fn text(&self, setting: &Setting) -> Option<&str> {
        self.value(setting)?.text()
    }

    /// Returns a path.
    pub(crate) fn path(&self, setting: &Setting) -> Option<PathBuf> {
        self.value(setting)?.path()
    }

    /// Returns a secret.
    pub(crate) fn secret(&self, setting: &Setting) -> Option<SecretString> {
        self.text(setting).map(SecretString::from)
    }

    /// Returns a list of texts that are not secrets.
    pub(crate) fn list(&self, setting: &Setting) -> &[String] {
        match self.value(setting) {
            Some(Value::List(texts)) => texts,
            _ => &[],
        }
    }

    /// Returns the trusted proxies; none if it has no value.
    pub(crate) fn proxies(&self, setting: &Setting) -> TrustedProxies {
        TrustedProxies::parse(self.list(setting)).unwrap_or_default()
    }

    /// Returns a list of secrets.
    pub(crate) fn secrets(&self, setting: &Setting) -> Vec<SecretString> {
        match self.value(setting) {
            Some(Value::List(texts)) => texts.iter().map(|text| SecretString::from(text.as_str())).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns a boolean.
    pub(crate) fn flag(&self, setting: &Setting) -> bool {
        matches!(self.value(setting), Some(Value::Bool(true)))
    }

    /// Returns a whole number, in the table's bounds; 0 if it has no value.
    pub(crate) fn integer(&self, setting: &Setting) -> u64 {
        match self.value(setting) {
            Some(Value::Integer(number)) => u64::try_from(*number).unwrap_or(0),
            _ => 0,
        }
    }

    /// Returns a retention; `None` means for ever.
    pub(crate) fn retention(&self, setting: &Setting) -> Option<Duration> {
        duration(self.text(setting)?).ok()
    }

    /// Returns an identity.
    pub(crate) fn id(&self, setting: &Setting) -> Option<Id> {
        self.text(setting)?.parse().ok()
    }

    /// Returns an address to listen on.
    pub(crate) fn socket(&self, setting: &Setting) -> Option<SocketAddr> {
        self.text(setting)?.parse().ok()
    }

    fn value(&self, setting: &Setting) -> Option<&Value> {
        self.values.get(setting.key).map(|(value, _)| value)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Credential(name) => write!(f, "credential {name}"),
            Self::Environment(name) => write!(f, "{name}"),
            Self::Flag(name) => write!(f, "{name}"),
        }
    }
}
