//! The only wiring: what a broker is made of, how it starts and stops.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apiary_identity::Clock;
use tokio::net::{TcpListener, UnixListener};
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic_health::server::HealthReporter;
use uuid::Uuid;

use crate::StartError;
use crate::auth::Auth;
use crate::config::{Config, StoreConfig, TlsConfig};
use crate::engine::Engine;
use crate::limits::{
    CALL_TIME_MAX, DRAIN_TIME_MAX, HEADER_BYTES_MAX, KEEPALIVE, REQUEST_WINDOW_MS, STREAMS_PER_CONNECTION_MAX,
    TCP_KEEPALIVE,
};
use crate::rpc::{Rpc, routes};
use crate::store::postgres::{PostgresOptions, PostgresStore};
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError};

/// A running broker. Dropping it without [`stop`](Self::stop) cuts calls in progress, and loses nothing that was
/// acknowledged.
pub struct Broker {
    address: Option<SocketAddr>,
    socket: Option<PathBuf>,
    health: HealthReporter,
    store: Arc<dyn Store>,
    /// Ends polls, watches and sweeps.
    drain: CancellationToken,
    /// Ends the servers; cancelled with `drain`, or when the broker is dropped.
    _cut: tokio_util::sync::DropGuard,
    servers: TaskTracker,
    tasks: TaskTracker,
}

impl Broker {
    /// Checks the settings, opens the store, and serves. When it returns, it listens.
    pub async fn start(config: Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        config.check()?;
        let store = open(&config).await?;
        let broker_id = Uuid::new_v4();
        let (drain, servers, tasks) = (CancellationToken::new(), TaskTracker::new(), TaskTracker::new());
        // A start that fails half-way must not leave loops behind.
        let cut = drain.clone().drop_guard();
        let engine = Engine::start(store.clone(), clock, broker_id, &tasks, drain.clone()).await?;
        let auth = Auth::new(engine.grants(), engine.clock(), broker_id, config.server_owner, REQUEST_WINDOW_MS);
        let (routes, health) = routes(Rpc::new(engine, Arc::new(auth), broker_id)).await?;
        let mut broker = Self { address: None, socket: None, health, store, drain, _cut: cut, servers, tasks };
        if let Some(address) = config.listen.address {
            broker.serve_tcp(address, config.listen.tls.as_ref(), routes.clone()).await?;
        }
        if let Some(path) = config.listen.socket {
            broker.serve_socket(path, routes)?;
        }
        tracing::info!(
            %broker_id, store = broker.store.kind(), address = ?broker.address, socket = ?broker.socket, "broker listens"
        );
        Ok(broker)
    }

    /// The TCP address, with the port that was really taken.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The Unix socket.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// Stops in order: waiting claims and watches are answered, calls in progress end, what is queued is written, the store
    /// is closed.
    pub async fn stop(self) {
        self.health.set_service_status("", tonic_health::ServingStatus::NotServing).await;
        self.drain.cancel();
        self.servers.close();
        if tokio::time::timeout(DRAIN_TIME_MAX, self.servers.wait()).await.is_err() {
            tracing::warn!(
                "calls were still in progress {} s after the stop began; they are cut",
                DRAIN_TIME_MAX.as_secs()
            );
        }
        self.tasks.close();
        if tokio::time::timeout(DRAIN_TIME_MAX, self.tasks.wait()).await.is_err() {
            tracing::warn!("loops were still busy {} s after the last call", DRAIN_TIME_MAX.as_secs());
        }
        self.store.close().await;
        if let Some(path) = &self.socket {
            remove_socket(path);
        }
        tracing::info!("broker stopped");
    }

    async fn serve_tcp(
        &mut self,
        address: SocketAddr,
        tls: Option<&TlsConfig>,
        routes: Routes,
    ) -> Result<(), StartError> {
        let listen = |source| StartError::Listen { address: address.to_string(), source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        self.address = Some(listener.local_addr().map_err(listen)?);
        let mut server = server();
        if let Some(tls) = tls {
            let tls = tls_config(tls)?;
            server = server.tls_config(tls).map_err(|error| StartError::Tls(chain_of(&error)))?;
        }
        // Set here, because a server that is handed its connections does not set them.
        let connections = TcpIncoming::from(listener).with_nodelay(Some(true)).with_keepalive(Some(TCP_KEEPALIVE));
        let drain = self.drain.clone();
        self.servers.spawn(async move {
            let served =
                server.add_routes(routes).serve_with_incoming_shutdown(connections, drain.cancelled_owned()).await;
            if let Err(error) = served {
                tracing::error!(%error, "the TCP server ended");
            }
        });
        Ok(())
    }

    fn serve_socket(&mut self, path: PathBuf, routes: Routes) -> Result<(), StartError> {
        let listen = |source| StartError::Listen { address: path.display().to_string(), source };
        // A socket that nobody answers on is what a killed broker left behind.
        if path.exists() && std::os::unix::net::UnixStream::connect(&path).is_err() {
            remove_socket(&path);
        }
        let listener = UnixListener::bind(&path).map_err(listen)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(listen)?;
        self.socket = Some(path);
        let connections = UnixListenerStream::new(listener);
        let drain = self.drain.clone();
        self.servers.spawn(async move {
            let served =
                server().add_routes(routes).serve_with_incoming_shutdown(connections, drain.cancelled_owned()).await;
            if let Err(error) = served {
                tracing::error!(%error, "the socket's server ended");
            }
        });
        Ok(())
    }
}

async fn open(config: &Config) -> Result<Arc<dyn Store>, StoreError> {
    let store: Arc<dyn Store> = match &config.store {
        StoreConfig::Sqlite { path } => Arc::new(SqliteStore::open(path).await?),
        StoreConfig::Postgres { url, connections_max, has_transaction_pooler } => {
            let options = PostgresOptions {
                connections_max: *connections_max,
                has_transaction_pooler: *has_transaction_pooler,
                ..PostgresOptions::default()
            };
            Arc::new(PostgresStore::connect(url, options).await?)
        }
    };
    if config.migrate {
        store.migrate().await?;
    }
    store.check_schema().await?;
    Ok(store)
}

fn server() -> Server {
    Server::builder()
        .accept_http1(true)
        .timeout(CALL_TIME_MAX)
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .http2_max_header_list_size(HEADER_BYTES_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
}

fn tls_config(tls: &TlsConfig) -> Result<ServerTlsConfig, StartError> {
    let read =
        |path: &Path| std::fs::read(path).map_err(|error| StartError::Tls(format!("{}: {error}", path.display())));
    let identity = Identity::from_pem(read(&tls.certificate)?, read(&tls.key)?);
    let mut config = ServerTlsConfig::new().identity(identity);
    if let Some(authorities) = &tls.client_authorities {
        config = config.client_ca_root(Certificate::from_pem(read(authorities)?));
    }
    Ok(config)
}

fn chain_of(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |words, cause| format!("{words}: {cause}"))
}

fn remove_socket(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!(%error, path = %path.display(), "the socket file was not removed");
    }
}
