//! A colony with finished processes, and its archive.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use apiary_bees::archive::{Archive, ArchiveError, ArchiveReport, Objects, Storage};
use apiary_executor_sdk::{CancellationToken, Client, v1};
use apiary_identity::{GrantRight, OutcomeKind, Role};
use apiary_tests::{TestColony, eventually};
use tempfile::TempDir;
use uuid::Uuid;

/// A colony with an archive in a folder.
pub(crate) struct Scene {
    pub(crate) colony: TestColony,
    pub(crate) client: Client,
    pub(crate) ids: Vec<Uuid>,
    pub(crate) folder: TempDir,
}

impl Scene {
    /// Ends processes: every third fails, the others succeed.
    pub(crate) async fn new(colony: TestColony, count: usize) -> Self {
        let rights = [GrantRight::Read, GrantRight::ViewPayloads, GrantRight::Archive];
        let client = colony.grant("archive", Role::Executor, &["*"], &["archive"], &rights).await;
        let folder = tempfile::tempdir().unwrap();
        let mut scene = Self { colony, client, ids: Vec::new(), folder };
        scene.user_and_worker().await;
        scene.finish(count).await;
        scene
    }

    async fn user_and_worker(&self) {
        self.colony.user("ada").await;
        self.colony.executor("bee", "t").await;
    }

    /// Submits and ends more processes.
    pub(crate) async fn finish(&mut self, count: usize) {
        let (user, bee) = (self.client_of("ada"), self.client_of("bee"));
        for number in 0..count {
            let id = user.submit_json("t", "f", &serde_json::json!({ "number": number })).await.unwrap().process_id;
            let lease = self.colony.claim_one(&bee, "t").await;
            match number % 3 {
                2 => drop(bee.fail(&self.colony.failure("bee", &lease, OutcomeKind::FailedFinal, "no")).await.unwrap()),
                _ => drop(bee.complete(&self.colony.success("bee", &lease, b"{\"done\":true}")).await.unwrap()),
            }
            self.ids.push(id);
        }
    }

    pub(crate) fn client_of(&self, name: &str) -> Client {
        self.colony.client(&self.colony.key_of(name))
    }

    pub(crate) fn archive_in(&self, objects: Arc<dyn Objects>) -> Archive {
        Archive::new(self.client.clone(), objects, Some(Duration::ZERO))
    }

    pub(crate) fn storage(&self) -> Arc<Storage> {
        Arc::new(Storage::folder(self.folder.path()).unwrap())
    }

    pub(crate) fn archive(&self) -> Archive {
        self.archive_in(self.storage())
    }

    /// Lets everything that is archived leave, and waits until it has left.
    pub(crate) async fn leave(&mut self) {
        self.colony.stop().await;
        let kept = Some(Duration::from_secs(1));
        let retention = &mut self.colony.retention;
        (retention.succeeded, retention.failed, retention.dead_letters) = (kept, kept, kept);
        self.colony.start_again().await;
        let (archive, token) = (self.archive(), CancellationToken::new());
        eventually("everything left", async || {
            archive.retention_enforce(|_| {}, &token).await.unwrap();
            self.there().await == 0
        })
        .await;
    }

    /// Returns the number of the processes that the broker has.
    pub(crate) async fn there(&self) -> usize {
        let mut there = 0;
        for id in &self.ids {
            there += usize::from(self.client.get_process(*id).await.is_ok());
        }
        there
    }

    /// Returns all that the broker shows of the processes.
    pub(crate) async fn shown(&self) -> Vec<v1::GetProcessResponse> {
        let mut shown = Vec::new();
        for id in &self.ids {
            shown.push(self.client.get_process(*id).await.unwrap());
        }
        shown
    }
}

pub(crate) async fn archive_all(archive: &Archive) -> Result<ArchiveReport, ArchiveError> {
    archive.archive_data(|_| {}, &CancellationToken::new()).await
}

/// Returns the files of a folder and its folders, sorted.
pub(crate) fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}
