//! Settings from the command line: some have a flag of their own, all others use `--set KEY=VALUE`.

use apiary_protocol::near::nearest;
use apiary_settings::{Origin, Setting};

use super::effective::Settings;
use super::table::TABLE;
use crate::exit::Fault;

/// Settings from the command line; later entries win.
#[derive(Default)]
pub(crate) struct Flags(Vec<(&'static Setting, String, String)>);

impl Flags {
    /// Adds the value of a setting's own flag, if it was given.
    pub(crate) fn add(&mut self, setting: &'static Setting, value: Option<String>) {
        if let Some(value) = value {
            self.0.push((setting, value, setting.flag.unwrap_or("--set").to_owned()));
        }
    }

    /// Adds `--set KEY=VALUE`.
    pub(crate) fn add_set(&mut self, text: &str) -> Result<(), Fault> {
        let Some((key, value)) = text.split_once('=') else {
            return Err(Fault::usage("--set: expected KEY=VALUE, such as --set log.level=debug"));
        };
        let Some(setting) = TABLE.iter().find(|setting| setting.key == key) else {
            let meant = nearest(key, TABLE.iter().map(|setting| setting.key));
            let advice = match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "`apiary config show` lists all there are".to_owned(),
            };
            return Err(Fault::usage(format!("--set: no setting is named `{key}`; {advice}")));
        };
        if setting.secret {
            return Err(Fault::usage(format!(
                "--set: `{key}` is a secret, and others on this machine can see a command's arguments: set {} instead",
                setting.variable()
            )));
        }
        self.0.push((setting, value.to_owned(), "--set".to_owned()));
        Ok(())
    }

    pub(super) fn read(&self, settings: &mut Settings) -> Result<(), Fault> {
        for (setting, text, flag) in &self.0 {
            let name = if flag == "--set" { format!("--set {}", setting.key) } else { flag.clone() };
            let value = setting.kind.read(text).map_err(|problem| Fault::usage(format!("{name}: {problem}")))?;
            settings.values.put(setting, value, Origin::Flag(name));
        }
        Ok(())
    }
}
