//! Finished processes of every kind, and an archive of them that is kept in memory.

use std::time::Duration;

use apiary_executor_sdk::wire::envelope_to_proto;
use apiary_executor_sdk::{Client, v1};
use apiary_identity::{
    ArchiveManifest, Clock as _, Content, Digest, Envelope, GrantRight, OutcomeKind, Role, SystemClock,
};
use apiary_tests::{TestColony, eventually};
use jiff::Timestamp;
use uuid::Uuid;

/// A colony with finished processes.
pub(crate) struct Scene {
    pub(crate) colony: TestColony,
    pub(crate) operator: Client,
    pub(crate) succeeded: Uuid,
    pub(crate) dead: Uuid,
    pub(crate) cancelled: Uuid,
}

impl Scene {
    /// A process that succeeded at its second attempt, with progress, a checkpoint, a log and attributes; a dead letter; and a cancelled
    /// one that never ran.
    pub(crate) async fn new(colony: TestColony) -> Self {
        let user = colony.user("ada").await;
        let rights =
            [GrantRight::Read, GrantRight::ViewPayloads, GrantRight::Cancel, GrantRight::Operate, GrantRight::Archive];
        let operator = colony.grant("grace", Role::User, &[], &[], &rights).await;
        let bee = colony.executor("bee", "t").await;
        let mut spec = user.spec("t", "f").with_args(Content::from_bytes(b"{\"of\": \"a person\"}"));
        spec.labels.insert("customer".to_owned(), "4711".to_owned());
        let succeeded = user.submit(&spec).await.unwrap().process_id;
        let lease = colony.claim_one(&bee, "t").await;
        let retry = colony.failure("bee", &lease, OutcomeKind::FailedRetryable, "not yet");
        bee.fail(&retry).await.unwrap();
        operator.retry(succeeded).await.unwrap();
        let lease = colony.claim_one(&bee, "t").await;
        let mut progress = colony.progress(&lease, 1);
        (progress.percent, progress.message) = (Some(100.0 / 3.0), Some("a third".to_owned()));
        bee.report(&Envelope::seal(&colony.key_of("bee"), &progress).unwrap()).await.unwrap();
        let lines = ["one", "two"].map(|text| v1::NewLogLine {
            time_ms: SystemClock.now_ms(),
            level: "info".to_owned(),
            message: text.to_owned(),
            fields: "{\"n\":1}".to_owned(),
        });
        bee.add_logs(succeeded, lease.attempt, lines.to_vec()).await.unwrap();
        let attributes = vec![v1::NewAttribute { kind: "out".to_owned(), key: "k".to_owned(), value: "v".to_owned() }];
        bee.set_attributes(succeeded, lease.attempt, attributes).await.unwrap();
        bee.complete(&colony.success("bee", &lease, b"{\"done\":true}")).await.unwrap();
        let dead = user.submit_json("t", "f", &()).await.unwrap().process_id;
        let lease = colony.claim_one(&bee, "t").await;
        bee.fail(&colony.failure("bee", &lease, OutcomeKind::FailedFinal, "never")).await.unwrap();
        let cancelled = user.submit_json("t", "f", &()).await.unwrap().process_id;
        operator.cancel(cancelled, "no use", None).await.unwrap();
        Self { colony, operator, succeeded, dead, cancelled }
    }

    /// Returns everything that is finished and in no object.
    pub(crate) async fn unarchived(&self) -> Vec<v1::FinishedProcess> {
        let until_ms = SystemClock.now_ms() + 60_000;
        let request = v1::ListUnarchivedRequest { until_ms, page_size: 1000, ..Default::default() };
        self.operator.list_unarchived(request).await.unwrap().processes
    }

    /// Returns a manifest of these processes, as the next of the archive.
    pub(crate) async fn manifest(&self, processes: &[v1::FinishedProcess]) -> ArchiveManifest {
        let end = self.operator.start_archive().await.unwrap();
        let previous = serde_json::from_value(serde_json::Value::String(end.last_digest)).ok();
        let times: Vec<i64> = processes.iter().map(ended).collect();
        let moment = |ms: Option<&i64>| Timestamp::from_millisecond(*ms.unwrap()).unwrap();
        ArchiveManifest {
            colony: self.colony.key.id(),
            number: end.next_number,
            previous,
            object: format!("object-{}", end.next_number),
            object_bytes: 1,
            object_sha256: Digest([0; 32]),
            line_bytes: 1,
            processes: processes.len() as u64,
            root: Digest([0; 32]),
            first: moment(times.iter().min()),
            last: moment(times.iter().max()),
            until: moment(times.iter().max()),
        }
    }

    /// Records an object of these processes; returns how many may leave.
    pub(crate) async fn archive(&self, processes: &[v1::FinishedProcess]) -> i64 {
        let manifest = self.manifest(processes).await;
        self.operator.add_archive(self.request("grace", &manifest, processes)).await.unwrap().recorded
    }

    /// Returns the call that records an object, with the manifest signed by a member.
    pub(crate) fn request(
        &self,
        signer: &str,
        manifest: &ArchiveManifest,
        processes: &[v1::FinishedProcess],
    ) -> v1::AddArchiveRequest {
        let envelope = Envelope::seal(&self.colony.key_of(signer), manifest).unwrap();
        let ids = processes.iter().flat_map(|process| id_of(process).into_bytes());
        v1::AddArchiveRequest {
            manifest: Some(envelope_to_proto(&envelope)),
            process_ids: ids.collect(),
            finished_at_ms: processes.iter().map(ended).collect(),
        }
    }

    /// Waits until retention has deleted a process.
    pub(crate) async fn gone(&self, process_id: Uuid) {
        eventually("the process left", async || {
            self.operator.enforce_retention().await.unwrap();
            self.operator.get_process(process_id).await.is_err()
        })
        .await;
    }

    /// Starts the broker again with this retention for everything that is finished.
    pub(crate) async fn retain(&mut self, kept: Duration) {
        self.colony.stop().await;
        let retention = &mut self.colony.retention;
        (retention.succeeded, retention.failed) = (Some(kept), Some(kept));
        (retention.cancelled, retention.dead_letters) = (Some(kept), Some(kept));
        self.colony.start_again().await;
    }
}

pub(crate) fn ended(process: &v1::FinishedProcess) -> i64 {
    process.process.as_ref().unwrap().state_since_ms
}

pub(crate) fn id_of(process: &v1::FinishedProcess) -> Uuid {
    process.process.as_ref().unwrap().process_id.parse().unwrap()
}
