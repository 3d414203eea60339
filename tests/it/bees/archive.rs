//! The archive bee: processes leave for a folder, are verified there, are erased, and come back; all through the CLI.

use std::process::{Command, Output};
use std::time::Duration;

use apiary_identity::{Content, GrantRight, Role, write_key_file};
use apiary_tests::daemon::Daemon;
use apiary_tests::{TestColony, apiary_binary, eventually};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

on_each_store!(what_is_archived_is_shown_with_own_access_erased_and_restored);

/// Functions of the bee.
const FUNCTIONS: [&str; 5] = ["archive_data", "retention_enforce", "compliance_check", "restore", "erase"];

/// A colony with an archive bee, an operator, and their keys in files.
struct Scene {
    colony: TestColony,
    folder: TempDir,
    bee: Daemon,
}

impl Scene {
    async fn new(colony: TestColony) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rights = [GrantRight::Read, GrantRight::Archive];
        colony.grant("archive", Role::Executor, &FUNCTIONS, &["archive"], &rights).await;
        colony.grant("operator", Role::User, &["*"], &["*"], &[GrantRight::Read, GrantRight::ViewPayloads]).await;
        for name in ["archive", "operator"] {
            write_key_file(&folder.path().join(name), &colony.key_of(name), None).unwrap();
        }
        let bee = Daemon::new("archive-bee", &["bee", "archive"], folder.path(), None)
            .set("APIARY_BROKER", format!("http://{}", colony.address()))
            .set("APIARY_COLONY", colony.key.id())
            .set("APIARY_KEY_FILE", folder.path().join("archive").display())
            .set("APIARY_ARCHIVE_AFTER", "1ms")
            .set("APIARY_ARCHIVE_URL", folder.path().join("objects").display());
        Self { colony, folder, bee }
    }

    /// Runs a command of the operator, with or without access to the storage.
    async fn cli(&self, has_access: bool, arguments: &[&str]) -> Output {
        let mut command = Command::new(apiary_binary());
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("APIARY_BROKER", format!("http://{}", self.colony.address()))
            .env("APIARY_COLONY", self.colony.key.id().to_string())
            .env("APIARY_KEY_FILE", self.folder.path().join("operator"))
            .current_dir(self.folder.path());
        if has_access {
            command.env("APIARY_ARCHIVE_URL", self.folder.path().join("objects"));
        }
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// Submits work to the bee, waits for its end, and returns its output.
    async fn ask(&self, function: &str, args: &Value) -> Value {
        let args = args.to_string();
        let submit = ["process", "submit", "--type", "archive", "--function", function, "--args", &args];
        let ran = self.cli(false, &[&submit[..], &["--wait", "-o", "json"]].concat()).await;
        let shown: Value = serde_json::from_slice(&ran.stdout).unwrap_or_default();
        assert_eq!(shown["state"], "succeeded", "{function}: {}{}", text(&ran.stdout), text(&ran.stderr));
        shown["output"]["json"].clone()
    }

    /// Ends processes; returns their ids.
    async fn finish(&self, count: usize) -> Vec<Uuid> {
        let (user, bee) = (self.colony.user("ada").await, self.colony.executor("bee", "t").await);
        let mut ids = Vec::new();
        for _ in 0..count {
            let spec = user.spec("t", "f").with_args(Content::from_bytes(b"{\"of\": \"a person\"}"));
            ids.push(user.submit(&spec).await.unwrap().process_id);
            let lease = self.colony.claim_one(&bee, "t").await;
            bee.complete(&self.colony.success("bee", &lease, b"{\"done\":true}")).await.unwrap();
        }
        ids
    }

    /// Returns the bytes that `process export` prints, or what it says instead.
    async fn export(&self, has_access: bool, id: &Uuid) -> Result<Vec<u8>, String> {
        let ran = self.cli(has_access, &["process", "export", &id.to_string()]).await;
        if ran.status.success() { Ok(ran.stdout) } else { Err(text(&ran.stderr)) }
    }

    /// Lets what is archived leave.
    async fn leave(&mut self, ids: &[Uuid]) {
        self.colony.stop().await;
        let kept = Some(Duration::from_secs(1));
        (self.colony.retention.succeeded, self.colony.retention.failed) = (kept, kept);
        self.colony.start_again().await;
        eventually("everything left", async || {
            self.ask("retention_enforce", &json!({})).await;
            for id in ids {
                if self.export(false, id).await.is_ok() {
                    return false;
                }
            }
            true
        })
        .await;
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn what_is_archived_is_shown_with_own_access_erased_and_restored(colony: TestColony) {
    let mut scene = Scene::new(colony).await;
    let ids = scene.finish(3).await;
    let mut before = Vec::new();
    for id in &ids {
        before.push(scene.export(false, id).await.unwrap());
    }
    scene.bee.start();
    let archived = scene.ask("archive_data", &json!({})).await;
    assert_eq!((&archived["objects"], &archived["recorded"]), (&json!(1), &json!(3)), "{archived}");
    let checked = scene.ask("compliance_check", &json!({})).await;
    assert_eq!((&checked["is_good"], &checked["processes"]), (&json!(true), &json!(3)), "{checked}");
    scene.leave(&ids).await;

    let told = scene.cli(false, &["process", "verify", &ids[1].to_string()]).await;
    let words = text(&told.stderr);
    assert!(told.status.code() == Some(5) && words.contains(".jsonl.zst\" at line 1"), "{:?} {words}", told.status);
    let verified = scene.cli(true, &["process", "verify", &ids[1].to_string()]).await;
    assert!(verified.status.success(), "{}{}", text(&verified.stdout), text(&verified.stderr));
    let shown = scene.cli(true, &["process", "show", &ids[1].to_string()]).await;
    assert!(text(&shown.stdout).contains("a person"), "{}", text(&shown.stdout));
    for (id, before) in ids.iter().zip(&before) {
        assert_eq!(scene.export(true, id).await.as_ref(), Ok(before), "byte for byte");
    }

    let erased = scene.ask("erase", &json!({"process_ids": [ids[0]], "reason": "asked by the person"})).await;
    assert_eq!((&erased["erased"], &erased["in_broker"]), (&json!(1), &json!([])), "{erased}");
    let gone = scene.export(true, &ids[0]).await.unwrap_err();
    assert!(gone.contains("was erased") && gone.contains("asked by the person"), "{gone}");
    let checked = scene.ask("compliance_check", &json!({})).await;
    assert_eq!((&checked["is_good"], &checked["erased"]), (&json!(true), &json!(1)), "{checked}");
    assert_eq!(scene.export(true, &ids[2]).await.as_ref(), Ok(&before[2]), "the others still verify");

    let one = scene.ask("restore", &json!({"process_id": ids[1]})).await;
    assert_eq!(one["restored"], 1, "{one}");
    assert_eq!(scene.export(false, &ids[1]).await.as_ref(), Ok(&before[1]));
    let object = words.split('"').nth(1).unwrap();
    let all = scene.ask("restore", &json!({"object": object})).await;
    assert_eq!((&all["restored"], &all["there"], &all["erased"]), (&json!(1), &json!(1), &json!(1)), "{all}");
    assert_eq!(scene.export(false, &ids[2]).await.as_ref(), Ok(&before[2]));
    assert_eq!(scene.bee.terminate().await, Some(0));
}
