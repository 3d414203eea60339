//! The only wiring: what a broker is made of, how it starts and stops.

use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apiary_daemon::{Notices, Supervisor};
use apiary_identity::{Clock, read_secret_file};
use futures::{Stream, StreamExt as _};
use tokio::net::{TcpListener, UnixListener};
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};
use tower::layer::util::Stack;
use uuid::Uuid;

use crate::StartError;
use crate::auth::Auth;
use crate::config::{Config, ExecutorsConfig, ListenConfig, RetentionConfig, StoreConfig, TlsConfig};
use crate::engine::{Engine, PresenceTimes, Tuning};
use crate::limits::{
    CALL_TIME_MAX, DRAIN_TIME_MAX, HANDSHAKE_TIME_MAX, HEADER_BYTES_MAX, KEEPALIVE, PAUSE_AFTER_ACCEPT_ERROR,
    REQUEST_WINDOW_MS, STREAMS_PER_CONNECTION_MAX, TCP_KEEPALIVE, TLS_KEY_BYTES_MAX,
};
use crate::model::Retention;
use crate::rpc::{Answers, Rpc, routes};
use crate::store::postgres::{PostgresOptions, PostgresStore};
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError};

/// What serves: tonic's server, with the broker's word on every answer.
type Server = tonic::transport::Server<Stack<Answers, tower::layer::util::Identity>>;

/// A running broker. Dropping it without [`stop`](Self::stop) begins the same stop without waiting for it; the runtime's end cuts
/// what is still in progress, and nothing that was acknowledged is lost.
pub struct Broker {
    address: Option<SocketAddr>,
    socket: Option<PathBuf>,
    store: Arc<dyn Store>,
    /// Ends polls, watches and sweeps.
    drain: CancellationToken,
    /// Ends the servers; cancelled with `drain`, or when the broker is dropped.
    _cut: tokio_util::sync::DropGuard,
    /// Ends the writers, once no more calls are answered.
    finish: CancellationToken,
    servers: TaskTracker,
    tasks: Supervisor,
}

impl Broker {
    /// Checks the settings, opens the store, and serves. When it returns, it listens.
    pub async fn start(config: Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        config.check()?;
        let server = tcp_server(config.listen.tls.as_ref())?;
        let store = open(&config).await?;
        let broker_id = Uuid::new_v4();
        let tasks = Supervisor::new(Notices::new(clock.clone()));
        let (drain, servers) = (CancellationToken::new(), TaskTracker::new());
        // A start that fails half-way must not leave loops behind.
        let cut = drain.clone().drop_guard();
        let finish = CancellationToken::new();
        let tuning = Tuning {
            presence: presence_times(&config.executors),
            retention: retention(&config.retention),
            unattended_after: config.executors.unattended_after,
        };
        let engine = Engine::start(store.clone(), clock, broker_id, tuning, &tasks, drain.clone(), &finish).await?;
        let auth = Auth::new(engine.grants(), engine.clock(), broker_id, config.server_owner, REQUEST_WINDOW_MS);
        let routes = routes(Rpc::new(engine, Arc::new(auth), broker_id))?;
        let mut broker = Self { address: None, socket: None, store, drain, _cut: cut, finish, servers, tasks };
        if let Err(error) = broker.serve(config.listen, server, routes).await {
            // Whoever tries again must not find the file locked and the connections taken.
            broker.stop().await;
            return Err(error);
        }
        tracing::info!(
            %broker_id, store = broker.store.kind(), address = broker.address.map(display),
            socket = broker.socket.as_ref().map(|path| display(path.display())), "broker listens"
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

    /// Returns the list to which any part of the broker adds conditions that an operator should know of; `GetHealth`
    /// shows them.
    pub fn notices(&self) -> Notices {
        self.tasks.notices().clone()
    }

    /// Completes when one of its tasks fails again and again, with what it is. Then the broker is to be stopped, and the
    /// process to end with an error, so that it is started anew.
    pub async fn failed(&self) -> String {
        self.tasks.failed().await
    }

    /// Its background tasks, for tests that make them panic.
    #[doc(hidden)]
    pub fn tasks(&self) -> &Supervisor {
        &self.tasks
    }

    /// Stops in order: waiting claims and watches are answered, calls in progress end, what is queued is written, the store
    /// is closed.
    pub async fn stop(self) {
        // While it still listens: a broker that starts at this path from now on makes a socket of its own, which must stay.
        if let Some(path) = &self.socket {
            remove_socket(path);
        }
        self.drain.cancel();
        self.servers.close();
        if tokio::time::timeout(DRAIN_TIME_MAX, self.servers.wait()).await.is_err() {
            tracing::warn!(
                "calls were still in progress {} s after the stop began; what they have yet to write is refused",
                DRAIN_TIME_MAX.as_secs()
            );
        }
        self.finish.cancel();
        self.tasks.close();
        if tokio::time::timeout(DRAIN_TIME_MAX, self.tasks.wait()).await.is_err() {
            tracing::warn!("loops were still busy {} s after the last call", DRAIN_TIME_MAX.as_secs());
        }
        self.store.close().await;
        tracing::info!("broker stopped");
    }

    async fn serve(&mut self, listen: ListenConfig, server: Server, routes: Routes) -> Result<(), StartError> {
        if let Some(address) = listen.address {
            self.serve_tcp(address, server, routes.clone()).await?;
        }
        if let Some(path) = listen.socket {
            self.serve_socket(path, routes)?;
        }
        Ok(())
    }

    async fn serve_tcp(&mut self, address: SocketAddr, mut server: Server, routes: Routes) -> Result<(), StartError> {
        let listen = |source| StartError::Listen { address: address.to_string(), source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        self.address = Some(listener.local_addr().map_err(listen)?);
        // Set here, because a server that is handed its connections does not set them.
        let connections = TcpIncoming::from(listener).with_nodelay(Some(true)).with_keepalive(Some(TCP_KEEPALIVE));
        let connections = patiently(connections);
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
        if is_abandoned_socket(&path) {
            remove_socket(&path);
        }
        let listener = UnixListener::bind(&path).map_err(listen)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(listen)?;
        self.socket = Some(path);
        let connections = patiently(UnixListenerStream::new(listener));
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

fn presence_times(config: &ExecutorsConfig) -> PresenceTimes {
    let millis = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    PresenceTimes { silent_after_ms: millis(config.silent_after), gone_after_ms: millis(config.gone_after) }
}

/// The same in milliseconds, as everything that is kept.
fn retention(config: &RetentionConfig) -> Retention {
    let ms = |kept: Option<std::time::Duration>| kept.map(|kept| i64::try_from(kept.as_millis()).unwrap_or(i64::MAX));
    Retention {
        succeeded_ms: ms(config.succeeded),
        failed_ms: ms(config.failed),
        cancelled_ms: ms(config.cancelled),
        dead_letters_ms: ms(config.dead_letters),
    }
}

async fn open(config: &Config) -> Result<Arc<dyn Store>, StoreError> {
    let store: Arc<dyn Store> = match &config.store {
        StoreConfig::Sqlite { path } => Arc::new(SqliteStore::open(path).await?),
        StoreConfig::Postgres { url, connections_max, has_transaction_pooler, direct_url } => {
            let options = PostgresOptions {
                connections_max: *connections_max,
                has_transaction_pooler: *has_transaction_pooler,
                direct_url: direct_url.clone(),
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
    tonic::transport::Server::builder()
        .layer(Answers { time_max: CALL_TIME_MAX })
        .accept_http1(true)
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .http2_max_header_list_size(HEADER_BYTES_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
}

fn tcp_server(tls: Option<&TlsConfig>) -> Result<Server, StartError> {
    let Some(tls) = tls else { return Ok(server()) };
    server().tls_config(tls_config(tls)?).map_err(|error| StartError::Tls(chain_of(&error)))
}

fn tls_config(tls: &TlsConfig) -> Result<ServerTlsConfig, StartError> {
    let read =
        |path: &Path| std::fs::read(path).map_err(|error| StartError::Tls(format!("{}: {error}", path.display())));
    let key = read_secret_file(&tls.key, TLS_KEY_BYTES_MAX).map_err(|error| StartError::Tls(error.to_string()))?;
    let identity = Identity::from_pem(read(&tls.certificate)?, key.as_bytes());
    let mut config = ServerTlsConfig::new().identity(identity).timeout(HANDSHAKE_TIME_MAX);
    if let Some(authorities) = &tls.client_authorities {
        config = config.client_ca_root(Certificate::from_pem(read(authorities)?));
    }
    Ok(config)
}

fn chain_of(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |words, cause| format!("{words}: {cause}"))
}

/// The same connections, with a pause after one that could not be accepted: where that is for want of file descriptors, the
/// next would fail at once, and the server would do nothing else.
fn patiently<C>(connections: impl Stream<Item = std::io::Result<C>>) -> impl Stream<Item = std::io::Result<C>> {
    connections.then(async |accepted| {
        if let Err(error) = &accepted {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(PAUSE_AFTER_ACCEPT_ERROR).await;
        }
        accepted
    })
}

/// Whether this is what a killed broker left behind: a socket on which nobody answers. Any other file is somebody's.
fn is_abandoned_socket(path: &Path) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    let refused = |error: std::io::Error| error.kind() == std::io::ErrorKind::ConnectionRefused;
    is_socket && std::os::unix::net::UnixStream::connect(path).err().is_some_and(refused)
}

fn remove_socket(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!(%error, path = %path.display(), "the socket file was not removed");
    }
}

#[cfg(test)]
mod tests {
    use std::io::Error;

    use super::*;

    #[tokio::test]
    async fn after_a_connection_that_cannot_be_accepted_comes_a_pause_and_then_the_next() {
        let accepted = futures::stream::iter([Err(Error::other("too many open files")), Ok(1), Ok(2)]);
        let start = tokio::time::Instant::now();
        let all: Vec<_> = patiently(accepted).collect().await;
        assert_eq!(all.into_iter().filter_map(Result::ok).collect::<Vec<_>>(), [1, 2]);
        assert!(start.elapsed() >= PAUSE_AFTER_ACCEPT_ERROR);
    }

    #[test]
    fn only_a_socket_that_nobody_listens_on_is_abandoned() {
        let folder = tempfile::tempdir().unwrap();
        let (file, socket) = (folder.path().join("notes.txt"), folder.path().join("broker.sock"));
        std::fs::write(&file, "dear diary").unwrap();
        assert!(!is_abandoned_socket(&file));
        assert!(!is_abandoned_socket(&folder.path().join("missing")));
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(!is_abandoned_socket(&socket), "somebody listens");
        drop(listener);
        assert!(is_abandoned_socket(&socket));
    }
}
