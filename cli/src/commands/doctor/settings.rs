//! Checks that need no network: settings and key.

use apiary_identity::KeyPair;

use super::finding::Finding;
use crate::profile;
use crate::settings::{Settings, table, unknown_variables};

/// Checks the settings, the pinned colony and the key.
pub(crate) fn examine(settings: &Settings, key: &anyhow::Result<KeyPair>) -> Vec<Finding> {
    vec![sources(settings), colony(settings), finding_of(key)]
}

fn sources(settings: &Settings) -> Finding {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let unknown = unknown_variables(names);
    let file = settings.file().map_or("no file".to_owned(), |path| path.display().to_string());
    if unknown.is_empty() {
        return Finding::good("settings", format!("from {file}, the environment and flags"));
    }
    let names: Vec<&str> = unknown.iter().map(|(name, _)| name.as_str()).collect();
    let verb = if names.len() == 1 { "sets" } else { "set" };
    let meant: Vec<&str> = unknown.iter().filter_map(|(_, meant)| meant.as_deref()).collect();
    let advice = if meant.is_empty() {
        "unset what is not needed".to_owned()
    } else {
        format!("did you mean {}?", meant.join(", "))
    };
    Finding::warning("settings", format!("{} {verb} nothing", names.join(", ")), advice)
}

fn colony(settings: &Settings) -> Finding {
    match (profile::colony(settings), settings.origin(&table::COLONY)) {
        (Ok(id), Some(origin)) => Finding::good("colony", format!("pinned to {id} ({origin})")),
        (Ok(id), None) => Finding::good("colony", format!("pinned to {id}")),
        (Err(fault), _) => Finding::of_error("colony", &fault.into()),
    }
}

fn finding_of(key: &anyhow::Result<KeyPair>) -> Finding {
    match key {
        Ok(key) => Finding::good("key", format!("{}, readable by nobody else", key.id())),
        Err(error) => Finding::of_error("key", error),
    }
}
