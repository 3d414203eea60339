//! One setting: its name, where it may come from, and what it may be.

use super::value::Kind;

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// Its name in the file, `section.name`.
    pub(crate) key: &'static str,
    /// What it may be.
    pub(crate) kind: Kind,
    /// Its value if nobody sets it, as one would write it in the environment.
    pub(crate) default: Option<&'static str>,
    /// Its own flag besides `--set`.
    pub(crate) flag: Option<&'static str>,
    /// Other environment variables than its own, first match wins.
    pub(crate) aliases: &'static [&'static str],
    /// Whether it is hidden wherever settings are shown, and cannot be given as a flag.
    pub(crate) secret: bool,
    /// Whether it may stand in the file.
    pub(crate) in_file: bool,
    /// Which commands it is for.
    pub(crate) used_by: &'static str,
    /// What it does, in a sentence without its full stop.
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

    /// Its own environment variable: `APIARY_` and its name.
    pub(crate) fn variable(&self) -> String {
        format!("APIARY_{}", self.key.replace('.', "_").to_uppercase())
    }

    /// Every environment variable that sets it, the first that is set wins.
    pub(crate) fn variables(&self) -> Vec<String> {
        std::iter::once(self.variable()).chain(self.aliases.iter().map(|&name| name.to_owned())).collect()
    }

    /// The systemd credential that sets it, for secrets.
    pub(crate) fn credential(&self) -> Option<String> {
        self.secret.then(|| format!("apiary-{}", self.key.replace(['.', '_'], "-")))
    }
}
