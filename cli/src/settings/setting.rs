//! Definition of a setting: its name, sources and values.

use super::value::Kind;

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// Name in the file, `section.name`.
    pub(crate) key: &'static str,
    /// Kind of its values.
    pub(crate) kind: Kind,
    /// Default, as written in the environment.
    pub(crate) default: Option<&'static str>,
    /// Flag of its own, besides `--set`.
    pub(crate) flag: Option<&'static str>,
    /// Further environment variables; the first match wins.
    pub(crate) aliases: &'static [&'static str],
    /// True if it is hidden wherever settings are shown, and cannot be given as a flag.
    pub(crate) secret: bool,
    /// True if the file may contain it.
    pub(crate) in_file: bool,
    /// Commands that use it.
    pub(crate) used_by: &'static str,
    /// Description: a sentence without its full stop.
    pub(crate) help: &'static str,
}

impl Setting {
    pub(super) const fn new(key: &'static str, kind: Kind, used_by: &'static str, help: &'static str) -> Self {
        Self { key, kind, default: None, flag: None, aliases: &[], secret: false, in_file: true, used_by, help }
    }

    pub(super) const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    pub(super) const fn flag(mut self, flag: &'static str) -> Self {
        self.flag = Some(flag);
        self
    }

    pub(super) const fn also(mut self, variables: &'static [&'static str]) -> Self {
        self.aliases = variables;
        self
    }

    pub(super) const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    pub(super) const fn not_in_file(mut self) -> Self {
        self.in_file = false;
        self
    }

    /// Returns its main environment variable: `APIARY_` and its name.
    pub(crate) fn variable(&self) -> String {
        format!("APIARY_{}", self.key.replace('.', "_").to_uppercase())
    }

    /// Returns every environment variable that sets it; the first that is set wins.
    pub(crate) fn variables(&self) -> Vec<String> {
        std::iter::once(self.variable()).chain(self.aliases.iter().map(|&name| name.to_owned())).collect()
    }

    /// Returns the systemd credential that sets it, if it is a secret.
    pub(crate) fn credential(&self) -> Option<String> {
        self.secret.then(|| format!("apiary-{}", self.key.replace(['.', '_'], "-")))
    }
}
