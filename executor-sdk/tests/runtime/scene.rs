//! A colony with a submitter and an executor, and the fake broker between them.
#![expect(clippy::unwrap_used, reason = "a broken scene is a failed test")]

use std::sync::Arc;
use std::time::Duration;

use apiary_daemon::Supervisor;
use apiary_executor_sdk::wire::envelope_to_proto;
use apiary_executor_sdk::{
    Address, CancellationToken, Client, ClientConfig, ClientError, Executor, ExecutorBuilder, v1,
};
use apiary_identity::{Content, Envelope, Grant, KeyPair, Role, Scopes, Spec, SystemClock};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::fake::{Fake, Server};

/// A colony with a submitter and an executor, and the fake broker between them.
pub(crate) struct Scene {
    pub(crate) fake: Fake,
    pub(crate) colony: KeyPair,
    pub(crate) submitter: KeyPair,
    pub(crate) executor: KeyPair,
    pub(crate) grant: Envelope,
    /// Supervisor of the executors that it builds.
    pub(crate) supervisor: Supervisor,
    server: Option<Server>,
    folder: TempDir,
}

/// An executor that runs until it is stopped.
pub(crate) struct Running {
    pub(crate) shutdown: CancellationToken,
    task: JoinHandle<Result<(), ClientError>>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let (colony, submitter) = (KeyPair::generate(), KeyPair::generate());
        let grant = grant(&colony, &colony, &submitter, "*");
        let folder = tempfile::tempdir().unwrap();
        let executor = KeyPair::generate();
        let supervisor = Supervisor::new(Arc::new(SystemClock));
        let fake = Fake::default();
        let mut scene = Self { fake, colony, submitter, executor, grant, supervisor, server: None, folder };
        scene.start("broker-1");
        scene
    }

    pub(crate) fn start(&mut self, broker_id: &str) {
        self.server = Some(self.fake.serve(&self.folder.path().join("broker.sock"), broker_id));
    }

    pub(crate) async fn kill(&mut self) {
        self.server.take().unwrap().kill().await;
    }

    pub(crate) fn client(&self) -> Client {
        let config = ClientConfig::new(Address::Unix(self.folder.path().join("broker.sock")));
        Client::new(&config, self.colony.id(), self.executor.clone(), Arc::new(SystemClock)).unwrap()
    }

    /// Returns an executor of type `test`, with leases long enough for a busy machine.
    pub(crate) fn executor(&self) -> ExecutorBuilder {
        let builder = Executor::builder(self.client()).supervisor(&self.supervisor);
        builder.executor_type("test").lease(Duration::from_secs(6))
    }

    /// Returns an executor of type `test` with the shortest lease, for tests that lose it.
    pub(crate) fn short_executor(&self) -> ExecutorBuilder {
        self.executor().lease(Duration::from_secs(1))
    }

    pub(crate) fn spec(&self, function: &str, args: &str) -> Spec {
        Spec::new(self.colony.id(), "test", function, now()).with_args(Content::from_bytes(args.as_bytes()))
    }

    /// Returns a lease of a first attempt of this spec, correctly signed and granted.
    pub(crate) fn lease(&self, spec: &Spec) -> v1::Lease {
        v1::Lease {
            process_id: spec.process_id.to_string(),
            attempt: 1,
            spec: Some(envelope_to_proto(&Envelope::seal(&self.submitter, spec).unwrap())),
            submitter_grant: Some(envelope_to_proto(&self.grant)),
            expires_at_ms: i64::MAX,
            retries_left: 3,
            ..Default::default()
        }
    }

    /// Hands out such an attempt, and returns its process.
    pub(crate) fn hand_out(&self, function: &str, args: &str) -> Uuid {
        let spec = self.spec(function, args);
        self.fake.hand_out(self.lease(&spec));
        spec.process_id
    }
}

impl Running {
    pub(crate) fn new(executor: Executor) -> Self {
        let shutdown = CancellationToken::new();
        Self { task: tokio::spawn(executor.run(shutdown.clone())), shutdown }
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(self) -> Result<(), ClientError> {
        tokio::time::timeout(Duration::from_secs(20), self.task).await.unwrap().unwrap()
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.ended().await.unwrap();
    }
}

/// Returns a grant of everything for one function, signed by a colony or by a forger.
pub(crate) fn grant(colony: &KeyPair, signer: &KeyPair, key: &KeyPair, function: &str) -> Envelope {
    let document = Grant {
        colony: colony.id(),
        grant_id: Uuid::new_v4(),
        key: key.id(),
        role: Role::User,
        name: "submitter".to_owned(),
        scopes: Scopes { functions: vec![function.to_owned()], executor_types: vec!["*".to_owned()] },
        rights: Vec::new(),
        valid_from: now() - SignedDuration::from_hours(1),
        valid_until: now() + SignedDuration::from_hours(1),
    };
    Envelope::seal(signer, &document).unwrap()
}

fn now() -> Timestamp {
    use apiary_identity::Clock as _;
    SystemClock.now()
}
