//! A colony on a running broker: real sockets, a real database, keys made for the test.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up its subject must fail at once")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apiary_broker::Broker;
use apiary_broker::config::{Config, ExecutorsConfig, ListenConfig, RetentionConfig, StoreConfig};
use apiary_daemon::Supervisor;
use apiary_executor_sdk::{Client, ClientConfig, v1};
use apiary_identity::{
    Clock, Content, Digest, Envelope, Grant, GrantRight, Guard, GuardRule, KeyPair, Outcome, OutcomeKind, Progress,
    Role, Scopes, Signature, SystemClock,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use uuid::Uuid;

use crate::web::http;
use crate::{Backend, Port, eventually};

/// Wait of a claim in a test for work that is certain to come.
pub const CLAIM_WAIT: Duration = Duration::from_secs(10);

/// Changes of a broker's settings by a test.
type Tune = Arc<dyn Fn(&mut Config) + Send + Sync>;

/// A colony named `test` on a broker of its own.
pub struct TestColony {
    /// The broker's database.
    pub backend: Backend,
    /// The colony's key pair.
    pub key: KeyPair,
    /// The key pair that may create colonies.
    pub server_owner: KeyPair,
    /// Retention of finished processes, from the next start on.
    pub retention: RetentionConfig,
    store: StoreConfig,
    tune: Tune,
    clock: Arc<dyn Clock>,
    broker: Option<Broker>,
    supervisor: Supervisor,
    /// Reserved while the broker is stopped, too.
    port: Port,
    keys: Mutex<HashMap<String, KeyPair>>,
}

impl TestColony {
    /// Starts a broker on this database, and creates the colony.
    pub async fn start(backend: Backend) -> Self {
        let store = backend.store_config();
        Self::start_on(backend, store).await
    }

    /// Starts a broker that reaches its database at another address than the backend's own.
    pub async fn start_on(backend: Backend, store: StoreConfig) -> Self {
        Self::start_with(backend, store, Arc::new(SystemClock)).await
    }

    /// Starts a broker with settings of the test's own.
    pub async fn start_tuned(backend: Backend, tune: impl Fn(&mut Config) + Send + Sync + 'static) -> Self {
        let store = backend.store_config();
        Self::start_as(backend, store, Arc::new(SystemClock), Arc::new(tune)).await
    }

    /// Starts a broker with this clock. Over Postgres it uses the database's clock instead.
    pub async fn start_with(backend: Backend, store: StoreConfig, clock: Arc<dyn Clock>) -> Self {
        Self::start_as(backend, store, clock, Arc::new(|_| {})).await
    }

    async fn start_as(backend: Backend, store: StoreConfig, clock: Arc<dyn Clock>, tune: Tune) -> Self {
        let server_owner = KeyPair::generate();
        let retention = RetentionConfig::default();
        let port = Port::take();
        let supervisor = Supervisor::new(clock.clone());
        let times = (&supervisor, &clock);
        let broker = start_broker(store.clone(), retention, &server_owner, port.address(), times, &tune).await;
        let colony = Self {
            backend,
            store,
            tune,
            clock,
            key: KeyPair::generate(),
            server_owner,
            retention,
            broker: Some(broker),
            supervisor,
            port,
            keys: Mutex::default(),
        };
        colony.client_for(colony.key.id(), &colony.server_owner).create_colony("test").await.unwrap();
        colony
    }

    /// Returns the broker's address.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Returns the supervisor of the broker's tasks since its last start.
    pub fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    /// Opens a bare gRPC connection, for calls that the SDK would not make.
    pub async fn channel(&self) -> tonic::transport::Channel {
        tonic::transport::Endpoint::from_shared(format!("http://{}", self.address())).unwrap().connect().await.unwrap()
    }

    /// Starts a second broker on the same database.
    pub async fn start_peer(&self) -> Peer {
        let broker = self.start_broker(any_port(), &Supervisor::new(self.clock.clone())).await;
        let address = broker.address().unwrap();
        Peer { broker, address }
    }

    /// Starts a second broker if the database can have several.
    pub async fn start_peer_if_shared(&self) -> Option<Peer> {
        match self.backend.kind() {
            "postgres" => Some(self.start_peer().await),
            _ => None,
        }
    }

    async fn start_broker(&self, address: SocketAddr, supervisor: &Supervisor) -> Broker {
        let (store, times) = (self.store.clone(), (supervisor, &self.clock));
        start_broker(store, self.retention, &self.server_owner, address, times, &self.tune).await
    }

    /// Stops the broker gracefully.
    pub async fn stop(&mut self) {
        if let Some(broker) = self.broker.take() {
            broker.stop().await;
        }
    }

    /// Starts the broker again, at the same address.
    pub async fn start_again(&mut self) {
        self.supervisor = Supervisor::new(self.clock.clone());
        self.broker = Some(self.start_broker(self.address(), &self.supervisor).await);
    }

    /// Waits until exactly `count` claims wait at the broker.
    pub async fn wait_for_polls(&self, count: u64) {
        wait_for_polls(self.address(), count).await;
    }

    /// Returns a client of this colony with a key.
    pub fn client(&self, key: &KeyPair) -> Client {
        self.client_for(self.key.id(), key)
    }

    /// Returns a client of any colony with a key.
    pub fn client_for(&self, colony: apiary_identity::Id, key: &KeyPair) -> Client {
        client_at(self.address(), colony, key)
    }

    /// Returns the key pair of a member made by [`user`](Self::user), [`executor`](Self::executor) or
    /// [`grant`](Self::grant).
    pub fn key_of(&self, name: &str) -> KeyPair {
        self.keys.lock().unwrap().get(name).cloned().expect("nobody of this name was granted anything")
    }

    /// Adds a user who may submit everything.
    pub async fn user(&self, name: &str) -> Client {
        self.grant(name, Role::User, &["*"], &["*"], &[]).await
    }

    /// Adds a user who may read everything, payloads included, and submit nothing.
    pub async fn reader(&self) -> Client {
        self.grant("reader", Role::User, &[], &[], &[GrantRight::Read, GrantRight::ViewPayloads]).await
    }

    /// Adds a user who may read, cancel, operate and manage executors, and submit nothing.
    pub async fn operator(&self, name: &str) -> Client {
        use GrantRight::{Cancel, Executors, Operate, Read, ViewPayloads};
        let rights = [Read, Cancel, Operate, Executors, ViewPayloads];
        self.grant(name, Role::User, &[], &[], &rights).await
    }

    /// Adds an executor of one type.
    pub async fn executor(&self, name: &str, executor_type: &str) -> Client {
        self.grant(name, Role::Executor, &["*"], &[executor_type], &[]).await
    }

    /// Adds a grant for a new key; returns a client with this key.
    pub async fn grant(
        &self,
        name: &str,
        role: Role,
        functions: &[&str],
        executor_types: &[&str],
        rights: &[GrantRight],
    ) -> Client {
        let key = KeyPair::generate();
        let grant = self.grant_document(&key, name, role, functions, executor_types, rights);
        self.client(&self.key).add_grant(&Envelope::seal(&self.key, &grant).unwrap()).await.unwrap();
        self.keys.lock().unwrap().insert(name.to_owned(), key.clone());
        self.client(&key)
    }

    /// Returns an unsigned grant for 90 days, so that it is not reported as near its end.
    pub fn grant_document(
        &self,
        key: &KeyPair,
        name: &str,
        role: Role,
        functions: &[&str],
        executor_types: &[&str],
        rights: &[GrantRight],
    ) -> Grant {
        grant_document(&self.key, key, name, role, (functions, executor_types), rights)
    }

    /// Claims a process that is certain to come.
    pub async fn claim_one(&self, executor: &Client, executor_type: &str) -> v1::Lease {
        let mut leases = claim(executor, executor_type, 1, CLAIM_WAIT).await;
        assert_eq!(leases.len(), 1, "one process was to be claimed");
        leases.remove(0)
    }

    /// Signs a success for a lease.
    pub fn success(&self, name: &str, lease: &v1::Lease, output: &[u8]) -> Envelope {
        let document = Outcome::succeeded(
            self.key.id(),
            lease.process_id.parse().unwrap(),
            lease.attempt,
            spec_digest(lease),
            SystemClock.now(),
            Content::from_bytes(output),
        );
        Envelope::seal(&self.key_of(name), &document).unwrap()
    }

    /// Returns unsigned, empty progress of a lease.
    pub fn progress(&self, lease: &v1::Lease, number: i64) -> Progress {
        let process_id = lease.process_id.parse().unwrap();
        Progress::new(self.key.id(), process_id, lease.attempt, spec_digest(lease), number, SystemClock.now())
    }

    /// Signs a version of the colony's rules: a list as [`GuardRule`] reads it.
    pub fn guard(&self, version: i64, rules: &serde_json::Value) -> Envelope {
        let rules = GuardRule::list_from_json(rules.to_string().as_bytes()).unwrap();
        let guard = Guard { colony: self.key.id(), version, made_at: SystemClock.now(), rules };
        Envelope::seal(&self.key, &guard).unwrap()
    }

    /// Signs a failure for a lease.
    pub fn failure(&self, name: &str, lease: &v1::Lease, kind: OutcomeKind, words: &str) -> Envelope {
        let document = Outcome::failed(
            self.key.id(),
            lease.process_id.parse().unwrap(),
            lease.attempt,
            spec_digest(lease),
            SystemClock.now(),
            kind,
            words,
        );
        Envelope::seal(&self.key_of(name), &document).unwrap()
    }
}

/// Another broker on a colony's database.
pub struct Peer {
    broker: Broker,
    address: SocketAddr,
}

impl Peer {
    /// Returns a client of this broker.
    pub fn client(&self, colony: apiary_identity::Id, key: &KeyPair) -> Client {
        client_at(self.address, colony, key)
    }

    /// Waits until exactly `count` claims wait at this broker.
    pub async fn wait_for_polls(&self, count: u64) {
        wait_for_polls(self.address, count).await;
    }

    /// Stops it gracefully.
    pub async fn stop(self) {
        self.broker.stop().await;
    }
}

/// Returns an unsigned grant by a colony for 90 days, so that it is not reported as near its end. The scopes are
/// functions and executor types.
pub fn grant_document(
    colony: &KeyPair,
    key: &KeyPair,
    name: &str,
    role: Role,
    (functions, executor_types): (&[&str], &[&str]),
    rights: &[GrantRight],
) -> Grant {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let now = SystemClock.now();
    Grant {
        colony: colony.id(),
        grant_id: Uuid::new_v4(),
        key: key.id(),
        role,
        name: name.to_owned(),
        scopes: Scopes { functions: owned(functions), executor_types: owned(executor_types) },
        rights: rights.to_vec(),
        valid_from: now - SignedDuration::from_mins(5),
        valid_until: now + SignedDuration::from_hours(90 * 24),
    }
}

/// Claims up to `count`.
pub async fn claim(executor: &Client, executor_type: &str, count: i32, wait: Duration) -> Vec<v1::Lease> {
    let request = v1::ClaimRequest {
        executor_type: executor_type.to_owned(),
        count_max: count,
        wait_ms: i64::try_from(wait.as_millis()).unwrap(),
        ..Default::default()
    };
    executor.claim(request).await.unwrap().leases
}

/// Returns the digest of a lease's spec, as received.
pub fn spec_digest(lease: &v1::Lease) -> Digest {
    apiary_executor_sdk::wire::envelope_from_proto(lease.spec.as_ref().unwrap()).unwrap().digest()
}

/// Returns the state of a process.
pub async fn state_of(reader: &Client, process_id: Uuid) -> v1::ProcessState {
    reader.get_process(process_id).await.unwrap().process.unwrap().state()
}

fn client_at(address: SocketAddr, colony: apiary_identity::Id, key: &KeyPair) -> Client {
    let config = ClientConfig::new(format!("http://{address}").parse().unwrap());
    Client::new(&config, colony, key.clone(), Arc::new(SystemClock)).unwrap()
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

async fn wait_for_polls(address: SocketAddr, count: u64) {
    let url = format!("http://{address}/readyz");
    eventually("the polls are as expected", async || {
        let page: serde_json::Value = http().get(&url).send().await.ok()?.json().await.ok()?;
        (page["claims_waiting"] == count).then_some(())
    })
    .await;
}

async fn start_broker(
    store: StoreConfig,
    retention: RetentionConfig,
    server_owner: &KeyPair,
    address: SocketAddr,
    (supervisor, clock): (&Supervisor, &Arc<dyn Clock>),
    tune: &Tune,
) -> Broker {
    let mut config = Config {
        listen: ListenConfig { address: Some(address), ..ListenConfig::default() },
        store,
        migrate: true,
        server_owner: Some(server_owner.id()),
        retention,
        executors: ExecutorsConfig::default(),
    };
    tune(&mut config);
    Broker::start(config, supervisor, clock.clone()).await.unwrap()
}

/// Flips a bit in the middle of a field of base64.
pub fn flip(field: &mut serde_json::Value) {
    let mut bytes = field.as_str().and_then(|text| STANDARD.decode(text).ok()).expect("a field of base64");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    *field = STANDARD.encode(bytes).into();
}

/// Changes a bit of an envelope's signature.
pub fn spoil(envelope: &mut Envelope) {
    let mut bytes = envelope.signature.as_bytes().to_vec();
    bytes[0] ^= 1;
    envelope.signature = Signature::from_bytes(bytes.into()).expect("a signature's length");
}
