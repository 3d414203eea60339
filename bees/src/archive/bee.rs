//! The executor: `archive_data`, `retention_enforce`, `compliance_check`, `restore` and `erase`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use apiary_executor_sdk::{Client, Failure, Work};
use apiary_identity::{Clock, GrantRight};
use apiary_settings::{Setting, Values};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Archive, ArchiveReport, CheckReport, EraseReport, Objects as _, RestoreReport, settings};
use crate::{Bee, BeeError, Build, Check, Function, Local};

/// JSON Schema of arguments that have no choice.
const NOTHING: &str = r#"{ "type": "object", "additionalProperties": false }"#;
/// JSON Schema of the arguments of `restore`.
const RESTORE_ARGS: &str = r#"{
  "type": "object",
  "properties": {
    "process_id": { "type": "string", "maxLength": 36 },
    "object": { "type": "string", "maxLength": 256 },
    "keep_days": { "type": "integer", "minimum": 1, "maximum": 3650 }
  },
  "oneOf": [{ "required": ["process_id"] }, { "required": ["object"] }],
  "additionalProperties": false
}"#;
/// JSON Schema of the arguments of `erase`.
const ERASE_ARGS: &str = r#"{
  "type": "object",
  "properties": {
    "process_ids": { "type": "array", "minItems": 1, "maxItems": 1000, "items": { "type": "string", "maxLength": 36 } },
    "reason": { "type": "string", "minLength": 1, "maxLength": 1024 }
  },
  "required": ["process_ids", "reason"],
  "additionalProperties": false
}"#;
/// All of its functions.
const FUNCTIONS: [Function; 5] = [
    Function {
        name: "archive_data",
        about: "puts finished processes into objects of the storage",
        args_schema: NOTHING,
    },
    Function {
        name: "retention_enforce",
        about: "deletes from the broker what is archived and past its retention",
        args_schema: NOTHING,
    },
    Function { name: "compliance_check", about: "verifies every object, manifest and process", args_schema: NOTHING },
    Function {
        name: "restore",
        about: "puts the process `process_id`, or all of `object`, back as finished",
        args_schema: RESTORE_ARGS,
    },
    Function {
        name: "erase",
        about: "drops the bytes of `process_ids` from the storage, and leaves a signed tombstone",
        args_schema: ERASE_ARGS,
    },
];
/// Days for which a restored process stays, if nothing else is said.
const KEEP_DAYS: u64 = 30;
/// The most days for which a restored process stays.
const KEEP_DAYS_MAX: u64 = 3650;

/// The archive bee.
pub struct ArchiveBee;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Restore {
    #[serde(default)]
    process_id: Option<Uuid>,
    #[serde(default)]
    object: Option<String>,
    #[serde(default)]
    keep_days: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Erase {
    process_ids: Vec<Uuid>,
    reason: String,
}

/// The work of one call of `retention_enforce`.
#[derive(Serialize)]
struct Enforced {
    deleted: i64,
}

#[async_trait]
impl Bee for ArchiveBee {
    fn name(&self) -> &'static str {
        "archive"
    }

    fn about(&self) -> &'static str {
        "Moves finished processes to a storage elsewhere, and back"
    }

    fn executor_type(&self) -> &'static str {
        "archive"
    }

    fn functions(&self) -> &'static [Function] {
        &FUNCTIONS
    }

    fn settings(&self) -> &'static [Setting] {
        &settings::ALL
    }

    fn rights(&self) -> &'static [GrantRight] {
        &[GrantRight::Read, GrantRight::Archive]
    }

    fn local(&self, folder: &Path) -> Local {
        settings::local(folder)
    }

    fn check_name(&self) -> Option<&'static str> {
        Some("archive")
    }

    async fn check(&self, settings: &Values, _clock: Arc<dyn Clock>) -> Result<Check, BeeError> {
        if let Some(folder) = settings::folder(settings).filter(|folder| !folder.exists()) {
            return Ok(Check::Skipped(format!("{} is created when the archive bee starts", folder.display())));
        }
        let Some(storage) = settings::open(settings)? else {
            return Ok(Check::Skipped("`archive.url` is not set".to_owned()));
        };
        let what = format!("the archive's storage {}", storage.shown());
        match storage.list("probe", "").await {
            Ok(_) => Ok(Check::Good(format!("{} answers", storage.shown()))),
            Err(error) => Err(BeeError::Unavailable { what, source: Box::new(error) }),
        }
    }

    async fn build(&self, client: Client, settings: &Values) -> Result<Build, BeeError> {
        let storage = settings::required(settings)?;
        let archive = Arc::new(Archive::new(client.clone(), Arc::new(storage), settings::after(settings)));
        let of = |archive: &Arc<Archive>| archive.clone();
        let (data, retention, check, restore, erase) =
            (of(&archive), of(&archive), of(&archive), of(&archive), archive);
        let executor = self
            .executor(client)
            // Objects follow each other, and their lines are in memory.
            .slots(1)
            .handle_json("archive_data", move |Nothing {}, work: Work| archive_data(data.clone(), work))
            .handle_json("retention_enforce", move |Nothing {}, work: Work| retention_enforce(retention.clone(), work))
            .handle_json("compliance_check", move |Nothing {}, work: Work| compliance_check(check.clone(), work))
            .handle_json("restore", move |args: Restore, work: Work| restore_some(restore.clone(), args, work))
            .handle_json("erase", move |args: Erase, work: Work| erase_some(erase.clone(), args, work));
        Ok(executor.into())
    }
}

async fn archive_data(archive: Arc<Archive>, work: Work) -> Result<ArchiveReport, Failure> {
    let say = |report: &ArchiveReport| {
        work.report(f64::NAN, &format!("{} objects, {} processes", report.objects, report.processes))
    };
    Ok(archive.archive_data(say, &work.cancellation()).await?)
}

async fn retention_enforce(archive: Arc<Archive>, work: Work) -> Result<Enforced, Failure> {
    let say = |deleted: i64| work.report(f64::NAN, &format!("{deleted} processes deleted"));
    Ok(Enforced { deleted: archive.retention_enforce(say, &work.cancellation()).await? })
}

async fn compliance_check(archive: Arc<Archive>, work: Work) -> Result<CheckReport, Failure> {
    let say =
        |report: &CheckReport| work.report(f64::NAN, &format!("{} objects, {} faults", report.objects, report.faults));
    Ok(archive.compliance_check(say, &work.cancellation()).await?)
}

async fn restore_some(archive: Arc<Archive>, args: Restore, work: Work) -> Result<RestoreReport, Failure> {
    let days = args.keep_days.unwrap_or(KEEP_DAYS).clamp(1, KEEP_DAYS_MAX);
    let keep = Duration::from_secs(days * 86_400);
    match (args.process_id, args.object) {
        (Some(process_id), None) => Ok(archive.restore_process(process_id, keep).await?),
        (None, Some(object)) => Ok(archive.restore_object(&object, keep, &work.cancellation()).await?),
        _ => Err(Failure::fatal("name a process, as `process_id`, or an object, as `object`")),
    }
}

async fn erase_some(archive: Arc<Archive>, args: Erase, work: Work) -> Result<EraseReport, Failure> {
    Ok(archive.erase(&args.process_ids, &args.reason, &work.cancellation()).await?)
}
