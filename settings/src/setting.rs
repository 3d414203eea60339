//! Definition of a setting: its name, sources and values.

use crate::Kind;

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Name in the file, `section.name`.
    pub key: &'static str,
    /// Kind of its values.
    pub kind: Kind,
    /// Default, as written in the environment.
    pub default: Option<&'static str>,
    /// Flag of its own, besides `--set`.
    pub flag: Option<&'static str>,
    /// Further environment variables; the first match wins.
    pub aliases: &'static [&'static str],
    /// True if it is hidden wherever settings are shown, and cannot be given as a flag.
    pub secret: bool,
    /// True if the file may contain it.
    pub in_file: bool,
    /// Commands that use it.
    pub used_by: &'static str,
    /// Description: a sentence without its full stop.
    pub help: &'static str,
}

impl Setting {
    /// Creates a setting without a default or a flag of its own.
    pub const fn new(key: &'static str, kind: Kind, used_by: &'static str, help: &'static str) -> Self {
        Self { key, kind, default: None, flag: None, aliases: &[], secret: false, in_file: true, used_by, help }
    }

    /// Sets the default.
    #[must_use]
    pub const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    /// Adds a flag besides `--set`.
    #[must_use]
    pub const fn flag(mut self, flag: &'static str) -> Self {
        self.flag = Some(flag);
        self
    }

    /// Adds environment variables; the first that is set wins.
    #[must_use]
    pub const fn also(mut self, variables: &'static [&'static str]) -> Self {
        self.aliases = variables;
        self
    }

    /// Hides its value wherever settings are shown, and rejects it as a flag.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Rejects it in the file.
    #[must_use]
    pub const fn not_in_file(mut self) -> Self {
        self.in_file = false;
        self
    }

    /// Returns its main environment variable: `APIARY_` and its name.
    pub fn variable(&self) -> String {
        format!("APIARY_{}", self.key.replace('.', "_").to_uppercase())
    }

    /// Returns every environment variable that sets it; the first that is set wins.
    pub fn variables(&self) -> Vec<String> {
        std::iter::once(self.variable()).chain(self.aliases.iter().map(|&name| name.to_owned())).collect()
    }

    /// Returns the systemd credential that sets it, if it is a secret.
    pub fn credential(&self) -> Option<String> {
        self.secret.then(|| format!("apiary-{}", self.key.replace(['.', '_'], "-")))
    }
}
