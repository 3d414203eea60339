//! A colony, a database of a user with the outbox, and adapters that read it.

use std::sync::Arc;
use std::time::Duration;

use apiary_adapters::outbox::{AllowedFunctions, OUTBOX_SQL};
use apiary_adapters::{OutboxConfig, OutboxReport, Webhook, WebhookConfig};
use apiary_daemon::Supervisor;
use apiary_executor_sdk::{Client, v1};
use apiary_identity::{Role, Spec, SystemClock};
use apiary_tests::colony::claim;
use apiary_tests::{Backend, TestColony, eventually_within};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;
use uuid::Uuid;

/// Longest wait: the reader looks again seconds after a failure, and machines are busy.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A colony and a user's database.
pub(super) struct Scene {
    pub(super) colony: TestColony,
    pub(super) database: Backend,
    /// The adapter's client.
    pub(super) client: Client,
}

/// An adapter that reads an outbox.
pub(super) struct Adapter {
    pub(super) webhook: Webhook,
    pub(super) supervisor: Supervisor,
    _spool: TempDir,
}

impl Scene {
    /// Starts a colony, and applies the SQL to the database. The adapter's key may submit everything of the type `t`.
    pub(super) async fn new() -> Self {
        let scene = Self::without_table().await;
        scene.database.execute(OUTBOX_SQL).await;
        scene
    }

    /// Starts a colony with an empty database of a user.
    pub(super) async fn without_table() -> Self {
        let colony = TestColony::start(Backend::sqlite().await).await;
        let client = colony.grant("adapter", Role::User, &["*"], &["t"], &[]).await;
        Self { colony, database: Backend::postgres().await, client }
    }

    /// Returns the settings of an outbox whose rows may ask for every function of the type `t`.
    pub(super) fn config(&self) -> OutboxConfig {
        OutboxConfig {
            database_url: self.database.url().into(),
            functions: allowed(&["t/*"]),
            retain: None,
            has_transaction_pooler: false,
        }
    }

    /// Starts an adapter.
    pub(super) async fn adapter(&self) -> Adapter {
        self.adapter_with(self.config()).await
    }

    /// Starts an adapter with these settings.
    pub(super) async fn adapter_with(&self, outbox: OutboxConfig) -> Adapter {
        let (spool, clock) = (tempfile::tempdir().unwrap(), Arc::new(SystemClock));
        let supervisor = Supervisor::new(clock.clone());
        let mut config = WebhookConfig::new(([127, 0, 0, 1], 0).into(), Vec::new(), spool.path().join("spool"));
        config.outbox = Some(outbox);
        let webhook = Webhook::start(config, Arc::new(self.client.clone()), &supervisor, clock).await.unwrap();
        Adapter { webhook, supervisor, _spool: spool }
    }

    /// Opens a connection to the user's database.
    pub(super) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.database.url()).await.unwrap()
    }

    /// Puts rows with these functions into the outbox, each in a transaction of its own.
    pub(super) async fn enqueue(&self, functions: &[&str]) {
        let mut connection = self.connect().await;
        for function in functions {
            enqueue(&mut connection, function).await;
        }
    }

    /// Waits until so many rows are submitted.
    pub(super) async fn wait_for_submitted(&self, count: i64) {
        eventually_within(PATIENCE, "the rows are submitted", async || {
            (self.count("submitted_at is not null and process_id is not null").await == count).then_some(())
        })
        .await;
    }

    /// Counts rows.
    pub(super) async fn count(&self, condition: &str) -> i64 {
        self.database.number(&format!("SELECT count(*) FROM apiary.outbox WHERE {condition}")).await
    }

    /// Returns the problem of each refused row, in order.
    pub(super) async fn problems(&self) -> Vec<String> {
        let sql = "SELECT problem FROM apiary.outbox WHERE problem IS NOT NULL ORDER BY id";
        sqlx::query_scalar(sql).fetch_all(&mut self.connect().await).await.unwrap()
    }

    /// Claims all waiting processes; returns their specs in the order in which they are handed out.
    pub(super) async fn processes(&self) -> Vec<Spec> {
        let bee = self.colony.executor("bee", "t").await;
        let mut leases = Vec::new();
        loop {
            // One answer has a bound.
            match claim(&bee, "t", 1000, Duration::ZERO).await {
                more if more.is_empty() => break,
                more => leases.extend(more),
            }
        }
        let envelope = |lease: &v1::Lease| apiary_executor_sdk::wire::envelope_from_proto(lease.spec.as_ref().unwrap());
        leases.iter().map(|lease| envelope(lease).unwrap().open().unwrap()).collect()
    }

    /// Claims all waiting processes; returns their functions in the order in which they are handed out.
    pub(super) async fn functions(&self) -> Vec<String> {
        self.processes().await.into_iter().map(|spec| spec.function).collect()
    }
}

impl Adapter {
    /// Returns the state of the outbox.
    pub(super) fn report(&self) -> OutboxReport {
        self.webhook.outbox().unwrap()
    }

    /// Returns the texts of the notices of this kind.
    pub(super) fn notices(&self, kind: &str) -> Vec<String> {
        let notices = self.supervisor.notices().list();
        notices.into_iter().filter(|notice| notice.kind == kind).map(|notice| notice.text).collect()
    }

    /// Waits for a notice of this kind; returns its text.
    pub(super) async fn notice(&self, kind: &str) -> String {
        eventually_within(PATIENCE, kind, async || self.notices(kind).pop()).await
    }

    /// Waits until there is no notice.
    pub(super) async fn wait_until_well(&self) {
        eventually_within(PATIENCE, "no notice is open", async || {
            self.supervisor.notices().list().is_empty().then_some(())
        })
        .await;
    }
}

pub(super) fn allowed(entries: &[&str]) -> AllowedFunctions {
    AllowedFunctions::read(&entries.iter().map(|&entry| entry.to_owned()).collect::<Vec<_>>()).unwrap()
}

/// Puts a row into the outbox, in the connection's transaction; returns its id.
pub(super) async fn enqueue(connection: &mut PgConnection, function: &str) -> i64 {
    let enqueue = sqlx::query_scalar("SELECT apiary.enqueue($1)").bind(function);
    enqueue.fetch_one(connection).await.unwrap()
}

/// Runs SQL on this connection.
pub(super) async fn run(connection: &mut PgConnection, sql: &str) {
    connection.execute(AssertSqlSafe(sql)).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// A role for one test, with a password; removed at the end, because roles belong to the whole server.
pub(super) struct TestRole {
    pub(super) name: String,
    pub(super) url: String,
}

impl TestRole {
    pub(super) async fn new(owner: &mut PgConnection, url: &str) -> Self {
        let (name, password) = (format!("outbox_{}", Uuid::new_v4().simple()), Uuid::new_v4().simple().to_string());
        run(owner, &format!("create role {name} login password '{password}'")).await;
        let mut url = reqwest::Url::parse(url).unwrap();
        url.set_username(&name).unwrap();
        url.set_password(Some(&password)).unwrap();
        Self { name, url: url.into() }
    }

    pub(super) async fn remove(self, owner: &mut PgConnection) {
        run(owner, &format!("drop owned by {0}; drop role {0}", self.name)).await;
    }
}
