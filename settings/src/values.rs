//! The values of settings, and where each came from.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use apiary_daemon::door::TrustedProxies;
use apiary_identity::Id;
use secrecy::SecretString;

use crate::{Setting, Value, duration};

/// Source of a value, weakest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
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
#[derive(Clone, Default)]
pub struct Values(BTreeMap<&'static str, (Value, Origin)>);

impl Values {
    /// Sets a value, and replaces an earlier one.
    pub fn put(&mut self, setting: &Setting, value: Value, origin: Origin) {
        self.0.insert(setting.key, (value, origin));
    }

    /// Returns a copy in which `over` replaces values, as if set in `file`.
    #[must_use]
    pub fn with(&self, over: Vec<(&Setting, Value)>, file: &Path) -> Self {
        let mut values = self.clone();
        for (setting, value) in over {
            values.put(setting, value, Origin::File(file.to_owned()));
        }
        values
    }

    /// Returns the source of a setting's value; `None` if it has no value.
    pub fn origin(&self, setting: &Setting) -> Option<&Origin> {
        self.0.get(setting.key).map(|(_, origin)| origin)
    }

    /// Returns true if a source other than the table set it.
    pub fn is_set(&self, setting: &Setting) -> bool {
        self.origin(setting).is_some_and(|origin| *origin != Origin::Default)
    }

    /// Returns the value for display; a secret's is hidden.
    pub fn shown(&self, setting: &Setting) -> Option<String> {
        let (value, _) = self.0.get(setting.key)?;
        Some(if setting.secret { "(hidden)".to_owned() } else { value.to_string() })
    }

    /// Returns a text, address or word.
    pub fn text(&self, setting: &Setting) -> Option<&str> {
        self.value(setting)?.text()
    }

    /// Returns a path.
    pub fn path(&self, setting: &Setting) -> Option<PathBuf> {
        self.value(setting)?.path()
    }

    /// Returns a secret.
    pub fn secret(&self, setting: &Setting) -> Option<SecretString> {
        self.text(setting).map(SecretString::from)
    }

    /// Returns a list of texts that are not secrets.
    pub fn list(&self, setting: &Setting) -> &[String] {
        match self.value(setting) {
            Some(Value::List(texts)) => texts,
            _ => &[],
        }
    }

    /// Returns the trusted proxies; none if it has no value.
    pub fn proxies(&self, setting: &Setting) -> TrustedProxies {
        TrustedProxies::parse(self.list(setting)).unwrap_or_default()
    }

    /// Returns a list of secrets.
    pub fn secrets(&self, setting: &Setting) -> Vec<SecretString> {
        match self.value(setting) {
            Some(Value::List(texts)) => texts.iter().map(|text| SecretString::from(text.as_str())).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns a boolean.
    pub fn flag(&self, setting: &Setting) -> bool {
        matches!(self.value(setting), Some(Value::Bool(true)))
    }

    /// Returns a whole number, in the table's bounds; 0 if it has no value.
    pub fn integer(&self, setting: &Setting) -> u64 {
        match self.value(setting) {
            Some(Value::Integer(number)) => u64::try_from(*number).unwrap_or(0),
            _ => 0,
        }
    }

    /// Returns a retention; `None` means for ever.
    pub fn retention(&self, setting: &Setting) -> Option<Duration> {
        duration(self.text(setting)?).ok()
    }

    /// Returns an identity.
    pub fn id(&self, setting: &Setting) -> Option<Id> {
        self.text(setting)?.parse().ok()
    }

    /// Returns an address to listen on.
    pub fn socket(&self, setting: &Setting) -> Option<SocketAddr> {
        self.text(setting)?.parse().ok()
    }

    fn value(&self, setting: &Setting) -> Option<&Value> {
        self.0.get(setting.key).map(|(value, _)| value)
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
