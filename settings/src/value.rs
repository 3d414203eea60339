//! Kinds of values, and their parsing from text and from TOML.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use apiary_daemon::door::TrustedProxies;
use apiary_executor_sdk::Address;
use apiary_identity::{Cpu, Id, Memory};

use crate::duration;

/// Word for an unlimited retention.
const FOREVER: &str = "forever";

/// Kind of a setting's values.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Any text.
    Text,
    /// A file or folder; in the configuration file, relative to that file.
    Path,
    /// `true` or `false`.
    Bool,
    /// A whole number in bounds.
    Integer {
        /// Smallest value.
        least: i64,
        /// Largest value.
        most: i64,
    },
    /// A retention: a duration, or `forever`.
    Retention,
    /// Texts: a list in the file, separated by commas elsewhere.
    List,
    /// Addresses and networks of proxies, as a list.
    Networks,
    /// An identity: `ed25519:…`.
    Id,
    /// A socket address: `address:port`.
    Socket,
    /// A broker's address.
    Address,
    /// Processor time: `4`, `500m`.
    Cpu,
    /// Memory: `10Gi`, `10GB`.
    Memory,
    /// A word of a list.
    OneOf(&'static [&'static str]),
}

/// A valid value. Has no `Debug`, because it may be a secret.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// A text, path, address or word.
    Text(String),
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A list of texts.
    List(Vec<String>),
}

impl Kind {
    /// Parses a value from the environment or a flag. The error describes valid values, and never quotes the invalid
    /// one, which may be a secret.
    ///
    /// # Errors
    ///
    /// Fails for a text of another kind.
    pub fn read(self, text: &str) -> Result<Value, String> {
        let text = text.trim();
        let fits = match self {
            Self::Text | Self::Path => !text.is_empty(),
            Self::Bool => return self.read_bool(text),
            Self::Integer { .. } => {
                return text.parse().map_err(|_| self.wanted()).and_then(|number| self.read_integer(number));
            }
            Self::Retention => text == FOREVER || duration(text).is_ok_and(|kept| !kept.is_zero()),
            Self::List | Self::Networks => return self.read_list(text.split(',').map(str::to_owned).collect()),
            Self::Id => text.parse::<Id>().is_ok(),
            Self::Socket => text.parse::<SocketAddr>().is_ok(),
            Self::Address => text.starts_with("unix:") || text.parse::<Address>().is_ok(),
            Self::Cpu => text.parse::<Cpu>().is_ok(),
            Self::Memory => text.parse::<Memory>().is_ok(),
            Self::OneOf(words) => words.contains(&text),
        };
        if fits { Ok(Value::Text(text.to_owned())) } else { Err(self.wanted()) }
    }

    /// Parses a value from TOML.
    ///
    /// # Errors
    ///
    /// Fails for a value of another kind.
    pub fn read_toml(self, value: &toml::Value) -> Result<Value, String> {
        match (self, value) {
            (Self::Bool, toml::Value::Boolean(yes)) => Ok(Value::Bool(*yes)),
            (Self::Integer { .. }, toml::Value::Integer(number)) => self.read_integer(*number),
            (Self::List | Self::Networks, toml::Value::Array(items)) => {
                let texts: Option<Vec<_>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
                self.read_list(texts.ok_or_else(|| self.wanted())?)
            }
            (Self::Bool | Self::Integer { .. }, _) => Err(format!("{}, without quotes", self.wanted())),
            (_, toml::Value::String(text)) => self.read(text),
            _ => Err(format!("{}, in quotes", self.wanted())),
        }
    }

    /// Describes the valid values.
    fn wanted(self) -> String {
        match self {
            Self::Text => "expected a text that is not empty".to_owned(),
            Self::Path => "expected a path".to_owned(),
            Self::Bool => "expected true or false".to_owned(),
            Self::Integer { least, most } => format!("expected a whole number from {least} to {most}"),
            Self::Retention => "expected a duration such as 12h, 30d or 52w, or `forever`".to_owned(),
            Self::List => "expected one or more texts: a list in the file, separated by commas elsewhere".to_owned(),
            Self::Networks => {
                "expected addresses or networks such as 10.1.2.3 or 10.0.0.0/8: a list in the file, separated by commas \
                 elsewhere"
                    .to_owned()
            }
            Self::Id => "expected `ed25519:` and 43 base64url characters, as `apiary key id` prints it".to_owned(),
            Self::Socket => "expected an IP address and a port, such as 127.0.0.1:7420".to_owned(),
            Self::Address => "expected https://HOST:PORT, http://127.0.0.1:PORT or unix:/PATH".to_owned(),
            Self::Cpu => "expected cores such as 4 or 0.5, or millicores such as 500m".to_owned(),
            Self::Memory => "expected bytes with a unit, such as 10Gi, 10GB or 512M".to_owned(),
            Self::OneOf(words) => format!("expected one of: {}", words.join(", ")),
        }
    }

    /// Returns the kind's word in the documentation.
    pub fn word(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Path => "path".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Integer { least, most } => format!("{least} to {most}"),
            Self::Retention => "duration or `forever`".to_owned(),
            Self::List => "list".to_owned(),
            Self::Networks => "list of networks".to_owned(),
            Self::Id => "id".to_owned(),
            Self::Socket => "address:port".to_owned(),
            Self::Address => "address".to_owned(),
            Self::Cpu => "cpu".to_owned(),
            Self::Memory => "memory".to_owned(),
            Self::OneOf(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        }
    }

    fn read_bool(self, text: &str) -> Result<Value, String> {
        match text {
            "true" | "1" | "yes" => Ok(Value::Bool(true)),
            "false" | "0" | "no" => Ok(Value::Bool(false)),
            _ => Err(self.wanted()),
        }
    }

    fn read_integer(self, number: i64) -> Result<Value, String> {
        match self {
            Self::Integer { least, most } if (least..=most).contains(&number) => Ok(Value::Integer(number)),
            _ => Err(self.wanted()),
        }
    }

    /// Parses a list. A trailing comma adds no entry, as in TOML; an empty entry elsewhere is an error.
    fn read_list(self, texts: Vec<String>) -> Result<Value, String> {
        let mut texts: Vec<String> = texts.iter().map(|text| text.trim().to_owned()).collect();
        if texts.len() > 1 && texts.last().is_some_and(String::is_empty) {
            texts.pop();
        }
        match texts.iter().position(String::is_empty) {
            Some(empty) if texts.len() > 1 => {
                Err(format!("entry {} of the list is empty: remove a comma, or write the entry", empty + 1))
            }
            None if matches!(self, Self::Networks) && TrustedProxies::parse(&texts).is_err() => Err(self.wanted()),
            None if !texts.is_empty() => Ok(Value::List(texts)),
            _ => Err(self.wanted()),
        }
    }
}

impl Value {
    /// Makes a value of a path.
    pub fn of_path(path: &Path) -> Self {
        Self::Text(path.display().to_string())
    }

    /// Returns the value with a relative path resolved against `folder`.
    #[must_use]
    pub fn relative_to(self, kind: Kind, folder: &Path) -> Self {
        let joined = |path: &str| folder.join(path).display().to_string();
        match (kind, self) {
            (Kind::Path, Self::Text(path)) if path != "-" => Self::Text(joined(&path)),
            (Kind::Address, Self::Text(address)) => match address.strip_prefix("unix:") {
                Some(path) => Self::Text(format!("unix:{}", joined(path.trim_start_matches("//")))),
                None => Self::Text(address),
            },
            (_, value) => value,
        }
    }

    /// Returns the text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the path, if it is a text.
    pub fn path(&self) -> Option<PathBuf> {
        self.text().map(PathBuf::from)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Bool(yes) => write!(f, "{yes}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::List(texts) => f.write_str(&texts.join(",")),
        }
    }
}
