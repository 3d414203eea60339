//! What can be seen without the network: settings and key.

use super::finding::Finding;
use crate::keys;
use crate::profile;
use crate::settings::{Settings, table, unknown_variables};

/// Looks at the settings, the pinned colony, and the key.
pub(super) fn examine(settings: &Settings) -> Vec<Finding> {
    vec![sources(settings), colony(settings), key(settings)]
}

fn sources(settings: &Settings) -> Finding {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let unknown = unknown_variables(names);
    let file = settings.file().map_or("no file".to_owned(), |path| path.display().to_string());
    match unknown.first() {
        None => Finding::good("settings", format!("from {file}, the environment and flags")),
        Some((name, meant)) => Finding::warning(
            "settings",
            format!("{name} sets nothing"),
            meant.as_ref().map_or("unset it".to_owned(), |meant| format!("did you mean {meant}?")),
        ),
    }
}

fn colony(settings: &Settings) -> Finding {
    match (profile::colony(settings), settings.origin(&table::COLONY)) {
        (Ok(id), Some(origin)) => Finding::good("colony", format!("pinned to {id} ({origin})")),
        (Ok(id), None) => Finding::good("colony", format!("pinned to {id}")),
        (Err(fault), _) => Finding::of_error("colony", &fault.into()),
    }
}

fn key(settings: &Settings) -> Finding {
    match keys::from_settings(settings) {
        Ok(key) => Finding::good("key", format!("{}, readable by nobody else", key.id())),
        Err(error) => Finding::of_error("key", &error),
    }
}
