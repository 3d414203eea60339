//! Finds and reads the configuration file.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use apiary_identity::check_secret_file;
use apiary_protocol::near::nearest;
use apiary_settings::{Origin, Setting};
use directories::ProjectDirs;

use super::effective::Settings;
use super::table::TABLE;
use crate::exit::Fault;

/// Name of the file in every folder.
const NAME: &str = "apiary.toml";
/// Bytes of the largest file that is read; a configuration file has a few lines.
const BYTES_MAX: u64 = 1024 * 1024;

/// Places to search for the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct SearchPath {
    /// The file of `--config` or `APIARY_CONFIG`, which must exist.
    pub(crate) named: Option<PathBuf>,
    /// The folder of `--data` or `APIARY_DATA`.
    pub(crate) data: Option<PathBuf>,
}

impl SearchPath {
    /// Returns the file to read: the named one; else that of the named data folder; else the first that exists of
    /// `./apiary.toml`, the one in the user's configuration folder, and the one that `apiary up` wrote into its default
    /// folder.
    pub(crate) fn find(&self) -> Option<PathBuf> {
        if let Some(named) = &self.named {
            return Some(named.clone());
        }
        if let Some(data) = &self.data {
            return Some(data.join(NAME)).filter(|path| path.is_file());
        }
        let configuration = project().map(|folders| folders.config_dir().join(NAME));
        let data = default_data_folder().map(|folder| folder.join(NAME));
        let places = [Some(PathBuf::from(NAME)), configuration, data];
        places.into_iter().flatten().find(|path| path.is_file())
    }
}

/// Returns the default data folder of `apiary up`.
pub(crate) fn default_data_folder() -> Option<PathBuf> {
    project().map(|folders| folders.data_dir().to_owned())
}

fn project() -> Option<ProjectDirs> {
    ProjectDirs::from("", "", "apiary")
}

/// Reads the file into the settings.
pub(super) fn read(path: &Path, settings: &mut Settings) -> Result<(), Fault> {
    let (text, file) = load(path)?;
    let mut checked = false;
    let shown = path.display();
    let table: toml::Table = toml::from_str(&text).map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        Fault::usage(format!("{shown}, line {line}: {}", error.message().replace('\n', " ")))
    })?;
    // Paths in the file are relative to it, so that a folder can be moved as a whole.
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = absolute.parent().unwrap_or(Path::new("/"));
    for (key, value) in flatten("", &table) {
        let setting = find(&key, path)?;
        if setting.secret && !checked {
            let exposed = check_secret_file(path, &file)
                .map_err(|error| Fault::usage(format!("{shown} holds the secret `{key}`: {error}")))?;
            settings.warnings.extend(exposed.map(|exposed| exposed.to_string()));
            checked = true;
        }
        let read = setting.kind.read_toml(value);
        let value = read.map_err(|problem| Fault::usage(format!("{shown}: `{key}`: {problem}")))?;
        settings.values.put(setting, value.relative_to(setting.kind, folder), Origin::File(path.to_owned()));
    }
    Ok(())
}

fn load(path: &Path) -> Result<(String, File), Fault> {
    let fault = |error: std::io::Error| {
        let advice = if error.kind() == ErrorKind::NotFound { "; check `--config` and APIARY_CONFIG" } else { "" };
        Fault::usage(format!("the configuration file {}: {error}{advice}", path.display()))
    };
    let mut file = File::open(path).map_err(fault)?;
    if file.metadata().map_err(fault)?.len() > BYTES_MAX {
        return Err(Fault::usage(format!("{} is too large to be a configuration file", path.display())));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(fault)?;
    Ok((text, file))
}

fn find(key: &str, path: &Path) -> Result<&'static Setting, Fault> {
    let shown = path.display();
    match TABLE.iter().find(|setting| setting.key == key) {
        Some(setting) if setting.in_file => Ok(setting),
        Some(setting) => Err(Fault::usage(format!(
            "{shown}: `{key}` is not read from the file: set it as {} instead",
            setting.variable()
        ))),
        None => {
            let known = TABLE.iter().filter(|setting| setting.in_file).map(|setting| setting.key);
            let advice = match nearest(key, known) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "`apiary config show` lists all there are".to_owned(),
            };
            Err(Fault::usage(format!("{shown}: no setting is named `{key}`; {advice}")))
        }
    }
}

/// Flattens `[broker] listen = …` to `broker.listen`.
fn flatten<'a>(prefix: &str, table: &'a toml::Table) -> Vec<(String, &'a toml::Value)> {
    let mut flat = Vec::new();
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        match value {
            toml::Value::Table(inner) if !inner.is_empty() => flat.extend(flatten(&format!("{key}."), inner)),
            // A section such as `[broker]` may be empty.
            toml::Value::Table(_) if TABLE.iter().any(|setting| setting.key.starts_with(&format!("{key}."))) => {}
            value => flat.push((key, value)),
        }
    }
    flat
}
