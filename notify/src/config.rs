//! The notifier's configuration, from the settings.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use apiary_settings::{SettingError, Values};
use reqwest::Url;

use crate::book::Rules;
use crate::settings::{
    AFTER_SECONDS, BROKER_AWAY_AFTER_SECONDS, EVERY_SECONDS, EXECUTOR_SILENT_AFTER_SECONDS, MESSAGES_PER_HOUR, NAME,
    PING_URL, STATE_FOLDER,
};
use crate::targets::{Target, http};

/// Folder for the state if neither a setting nor the service manager names one.
const FOLDER: &str = "apiary-notify";
/// Variable in which systemd names the state folders of a unit, separated by colons.
const STATE_DIRECTORY: &str = "STATE_DIRECTORY";

/// The configuration of a notifier: where it sends, what, and when.
pub struct NotifyConfig {
    pub(crate) name: String,
    pub(crate) targets: Vec<Arc<Target>>,
    pub(crate) ping: Option<Url>,
    pub(crate) folder: PathBuf,
    pub(crate) every: Duration,
    pub(crate) rules: Rules,
}

impl NotifyConfig {
    /// Reads the settings; `None` if they name neither a target nor a ping.
    ///
    /// # Errors
    ///
    /// A setting that cannot be used, or that lacks another one.
    pub fn read(settings: &Values) -> Result<Option<Self>, SettingError> {
        let targets: Vec<Arc<Target>> = Target::all(settings)?.into_iter().map(Arc::new).collect();
        let ping = settings.secret(&PING_URL).map(|url| http::address(&PING_URL, &url)).transpose()?;
        if targets.is_empty() && ping.is_none() {
            return Ok(None);
        }
        let ms = |setting| i64::try_from(settings.integer(setting)).unwrap_or(i64::MAX).saturating_mul(1000);
        let rules = Rules {
            after_ms: ms(&AFTER_SECONDS),
            silent_after_ms: ms(&EXECUTOR_SILENT_AFTER_SECONDS),
            away_after_ms: ms(&BROKER_AWAY_AFTER_SECONDS),
            messages_per_hour: usize::try_from(settings.integer(&MESSAGES_PER_HOUR)).unwrap_or(usize::MAX),
        };
        Ok(Some(Self {
            name: settings.text(&NAME).unwrap_or_default().to_owned(),
            targets,
            ping,
            folder: Self::folder(settings),
            every: Duration::from_secs(settings.integer(&EVERY_SECONDS).max(1)),
            rules,
        }))
    }

    /// Returns the folder of the state's files.
    pub fn folder(settings: &Values) -> PathBuf {
        let by_systemd = || {
            let folders = std::env::var(STATE_DIRECTORY).ok()?;
            folders.split(':').next().filter(|folder| !folder.is_empty()).map(PathBuf::from)
        };
        settings.path(&STATE_FOLDER).or_else(by_systemd).unwrap_or_else(|| PathBuf::from(FOLDER))
    }

    /// Sets the folder of the state's files.
    #[must_use]
    pub fn in_folder(mut self, folder: &Path) -> Self {
        self.folder = folder.to_owned();
        self
    }

    /// Returns each target's name, and where it sends to, without secrets.
    pub fn places(&self) -> Vec<(&'static str, String)> {
        let ping = self.ping.iter().map(|url| (http::PING, http::place(url)));
        self.targets.iter().map(|target| (target.name(), target.place())).chain(ping).collect()
    }
}
