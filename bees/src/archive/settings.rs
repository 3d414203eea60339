//! The settings that name the storage.

use std::path::{Path, PathBuf};
use std::time::Duration;

use apiary_settings::{Kind, Setting, SettingError, Value, Values};

use super::storage::S3Access;
use super::{ArchiveError, Storage};
use crate::{BeeError, Local};

const USED_BY: &str = "`apiary bee archive`, `apiary up`, `apiary process show|verify|export`";

const URL: Setting =
    Setting::new("archive.url", Kind::Text, USED_BY, "the archive's storage: a folder, or `s3://BUCKET/PREFIX`");
const ENDPOINT: Setting = Setting::new(
    "archive.endpoint",
    Kind::Text,
    USED_BY,
    "the server that speaks S3, https://…; unset: Amazon's, of the region",
)
.also(&["AWS_ENDPOINT_URL"]);
const REGION: Setting = Setting::new("archive.region", Kind::Text, USED_BY, "the region of the bucket")
    .default("us-east-1")
    .also(&["AWS_REGION"]);
const KEY_ID: Setting = Setting::new("archive.access_key_id", Kind::Text, USED_BY, "the id of the access key for S3")
    .also(&["AWS_ACCESS_KEY_ID"]);
const SECRET: Setting =
    Setting::new("archive.secret_access_key", Kind::Text, USED_BY, "the secret of the access key for S3")
        .secret()
        .also(&["AWS_SECRET_ACCESS_KEY"]);
const AFTER: Setting = Setting::new(
    "archive.after",
    Kind::Retention,
    "`apiary bee archive`, `apiary up`",
    "how long a process is finished before it is archived",
)
.default("24h");

/// Every setting of the bee, in the order in which they are shown.
pub(super) const ALL: [Setting; 6] = [URL, ENDPOINT, REGION, KEY_ID, SECRET, AFTER];

/// Returns the storage in the data folder of `apiary up`.
pub fn storage_in(folder: &Path) -> PathBuf {
    folder.join("archive")
}

/// Returns the settings of a storage in the data folder of `apiary up`.
pub(super) fn local(folder: &Path) -> Local {
    let url = storage_in(folder).to_string_lossy().into_owned();
    Local { set: vec![(&URL, Value::Text(url))], unused: &[ENDPOINT, KEY_ID, SECRET] }
}

/// Returns the time after which a finished process is archived; `None` for never.
pub(super) fn after(settings: &Values) -> Option<Duration> {
    settings.retention(&AFTER)
}

/// Returns the folder of the storage, if it is one.
pub(super) fn folder(settings: &Values) -> Option<PathBuf> {
    let url = settings.text(&URL)?;
    (!url.contains("://")).then(|| PathBuf::from(url))
}

/// Opens the storage; `None` if none is set.
///
/// # Errors
///
/// A setting that cannot be used, or a folder that cannot be opened.
pub fn open(settings: &Values) -> Result<Option<Storage>, BeeError> {
    let Some(url) = settings.text(&URL).filter(|url| !url.is_empty()) else { return Ok(None) };
    if let Some(folder) = folder(settings) {
        let what = format!("archive.url: {}", folder.display());
        return Storage::folder(&folder).map(Some).map_err(|error| unavailable(what, error));
    }
    let Some(rest) = url.strip_prefix("s3://") else {
        return Err(SettingError::new("archive.url is a folder, or `s3://BUCKET/PREFIX`").into());
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let access = S3Access {
        endpoint: settings.text(&ENDPOINT).map(str::to_owned),
        region: settings.text(&REGION).unwrap_or_default().to_owned(),
        key_id: settings.text(&KEY_ID).map(str::to_owned),
        secret: settings.secret(&SECRET),
    };
    if access.key_id.is_some() != access.secret.is_some() {
        return Err(SettingError::missing(if access.secret.is_some() { &KEY_ID } else { &SECRET }).into());
    }
    let failed = |error| BeeError::Failed { what: "archive.url".to_owned(), source: Box::new(error) };
    Storage::s3(bucket, prefix, &access).map(Some).map_err(failed)
}

/// Opens the storage, which must be set.
pub(super) fn required(settings: &Values) -> Result<Storage, BeeError> {
    Ok(open(settings)?.ok_or_else(|| SettingError::missing(&URL))?)
}

fn unavailable(what: String, error: ArchiveError) -> BeeError {
    BeeError::Unavailable { what, source: Box::new(error) }
}
