//! The wiring of a broker: its parts, its start and its stop.

use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apiary_daemon::door::{Bodies, BodyLimits, ConnectionLimits, Connections, Door, HttpLimits, Listener};
use apiary_daemon::{Notices, Supervisor};
use apiary_identity::Clock;
use apiary_store::model::Retention;
use apiary_store::{Store, StoreError};
use apiary_store_postgres::{PostgresOptions, PostgresStore};
use apiary_store_sqlite::SqliteStore;
use axum::Router;
use futures::future::BoxFuture;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::StartError;
use crate::attention::AttentionReader;
use crate::auth::Auth;
use crate::config::{Config, DoorConfig, ExecutorsConfig, ListenConfig, RetentionConfig, StoreConfig};
use crate::engine::{Engine, EngineSettings, PresenceTimes};
use crate::limits::{
    BODIES_BYTES_MAX, DRAIN_TIME_MAX, HANDSHAKE_TIME_MAX, HEADER_BYTES_MAX, REQUEST_WINDOW_MS, SHARE_BODIES_BYTES_MAX,
    SMALL_MESSAGE_BYTES_MAX, STRANGERS_BODIES_BYTES_MAX,
};
use crate::rpc::{Rpc, routes};
use crate::tls::{Tls, TlsFiles};

/// A running broker. Dropping it without [`stop`](Self::stop) begins the same stop without waiting for it; the runtime's end cuts
/// off calls in progress, but nothing that was acknowledged is lost.
pub struct Broker {
    address: Option<SocketAddr>,
    socket: Option<PathBuf>,
    store: Arc<dyn Store>,
    attention: AttentionReader,
    tls: Option<Arc<Tls>>,
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
    /// Checks the settings, opens the store, and serves. It listens by the time it returns.
    ///
    /// The tasks run under `supervisor`, whose notices `GetHealth` shows. When a task fails again and again, which
    /// [`Supervisor::failed`] tells, the broker must be stopped, and the process must end with an error, so that it is restarted.
    pub fn start(
        config: Config,
        supervisor: &Supervisor,
        clock: Arc<dyn Clock>,
    ) -> BoxFuture<'static, Result<Self, StartError>> {
        // Boxed, like every future that this crate hands out, so that the broker is compiled here: an `async fn` would be
        // compiled in the crate that awaits it.
        Box::pin(Self::start_with(config, supervisor.group(), clock))
    }

    async fn start_with(config: Config, tasks: Supervisor, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        config.check()?;
        let tls = config.listen.tls.as_ref().map(TlsFiles::read).transpose()?;
        let store = open(&config).await?;
        let broker_id = Uuid::new_v4();
        let (drain, servers) = (CancellationToken::new(), TaskTracker::new());
        // A start that fails half-way must not leave loops behind.
        let cut = drain.clone().drop_guard();
        let finish = CancellationToken::new();
        let tuning = EngineSettings {
            presence: presence_times(&config.executors),
            retention: retention(&config.retention),
            events_kept_ms: config.retention.events.map(millis),
            unattended_after: config.executors.unattended_after,
        };
        let tls = tls.map(|files| files.serve(clock.clone(), tasks.notices().clone()));
        let engine = Engine::start(store.clone(), clock, broker_id, tuning, &tasks, drain.clone(), &finish).await?;
        let auth = Auth::new(
            engine.grants(),
            engine.clock(),
            broker_id,
            config.server_owner,
            REQUEST_WINDOW_MS,
            engine.refusals(),
            engine.metrics(),
            engine.addresses(),
        );
        let attention = AttentionReader::new(Arc::downgrade(&engine));
        let bodies = bodies();
        show_bodies(&bodies, &tasks);
        let routes = routes(Rpc::new(engine, Arc::new(auth), broker_id, tasks.metrics().clone()), bodies)?;
        let mut broker =
            Self { address: None, socket: None, store, attention, tls, drain, _cut: cut, finish, servers, tasks };
        if let Err(error) = broker.serve(config.listen, routes).await {
            // A second try must not find the file locked and the connections taken.
            broker.stop().await;
            return Err(error);
        }
        tracing::info!(
            %broker_id, store = broker.store.kind(), address = broker.address.map(display),
            socket = broker.socket.as_ref().map(|path| display(path.display())), "broker listens"
        );
        Ok(broker)
    }

    /// Returns the TCP address, with the actual port.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Returns the Unix socket.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// Returns a reader of what needs attention.
    pub fn attention(&self) -> AttentionReader {
        self.attention.clone()
    }

    /// Reads the files of TLS again, as is done when they change; false without TLS. Unusable files take no
    /// effect, and raise a notice.
    pub fn reload_tls(&self) -> bool {
        if let Some(tls) = &self.tls {
            tls.refresh(true);
        }
        self.tls.is_some()
    }

    /// Stops in order: waiting claims and watches are answered, calls in progress end, queued writes are flushed, the store
    /// is closed.
    pub fn stop(self) -> BoxFuture<'static, ()> {
        Box::pin(self.drain_and_close())
    }

    async fn drain_and_close(self) {
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

    async fn serve(&mut self, listen: ListenConfig, routes: Router) -> Result<(), StartError> {
        let door = door(&listen.door, self.tasks.notices().clone());
        show_connections(&door, &self.tasks);
        if let Some(address) = listen.address {
            self.serve_tcp(address, door.clone(), routes.clone()).await?;
        }
        if let Some(path) = listen.socket {
            self.serve_socket(path, door, routes)?;
        }
        Ok(())
    }

    async fn serve_tcp(&mut self, address: SocketAddr, door: Arc<Door>, routes: Router) -> Result<(), StartError> {
        let listen = |source| StartError::Listen { address: address.to_string(), source };
        let listener = apiary_daemon::door::bind(address).map_err(listen)?;
        self.address = Some(listener.local_addr().map_err(listen)?);
        if let Some(tls) = &self.tls {
            let state = (Arc::clone(tls), self.drain.clone());
            self.tasks.spawn("TLS files", self.drain.clone(), state, |(tls, stop)| Box::pin(tls.watch(stop)));
        }
        let handshake = self.tls.as_ref().map(Tls::handshake);
        let connections = self.servers.clone();
        door.open_at(Listener::Tcp(listener), handshake, routes, self.drain.clone(), connections, &self.tasks);
        Ok(())
    }

    fn serve_socket(&mut self, path: PathBuf, door: Arc<Door>, routes: Router) -> Result<(), StartError> {
        let listen = |source| StartError::Listen { address: path.display().to_string(), source };
        if is_abandoned_socket(&path) {
            remove_socket(&path);
        }
        let listener = UnixListener::bind(&path).map_err(listen)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(listen)?;
        self.socket = Some(path);
        let connections = self.servers.clone();
        door.open_at(Listener::Unix(listener), None, routes, self.drain.clone(), connections, &self.tasks);
        Ok(())
    }
}

fn door(config: &DoorConfig, notices: Notices) -> Arc<Door> {
    let connections = Connections::new(ConnectionLimits {
        connections_max: config.connections_max,
        connections_per_peer_max: config.connections_per_peer_max,
        first_request_timeout: config.first_request_timeout,
        idle_timeout: config.idle_timeout,
    });
    let http = HttpLimits {
        has_http2: true,
        header_bytes_max: HEADER_BYTES_MAX,
        header_timeout: HANDSHAKE_TIME_MAX,
        drain_timeout: DRAIN_TIME_MAX,
    };
    Door::new(connections, config.trusted_proxies.clone(), http, notices, "broker.trusted_proxies")
}

fn bodies() -> Bodies {
    Bodies::new(BodyLimits {
        bytes_max: BODIES_BYTES_MAX,
        strangers_bytes_max: STRANGERS_BODIES_BYTES_MAX,
        share_bytes_max: SHARE_BODIES_BYTES_MAX,
        small_bytes_max: SMALL_MESSAGE_BYTES_MAX,
    })
}

/// Shows in each scrape how many bytes of requests are held.
fn show_bodies(bodies: &Bodies, tasks: &Supervisor) {
    let help = "Bytes of requests that are in memory.";
    let (bodies, gauge) = (bodies.clone(), tasks.metrics().series().gauge("apiary_broker_request_bytes", help, &[]));
    tasks.metrics().before_scrape(move || {
        gauge.set_count(bodies.bytes());
        Box::pin(std::future::ready(()))
    });
}

/// Shows in each scrape how many connections are open.
fn show_connections(door: &Arc<Door>, tasks: &Supervisor) {
    let gauge = tasks.metrics().series().gauge("apiary_broker_connections", "Open connections.", &[]);
    let door = Arc::downgrade(door);
    tasks.metrics().before_scrape(move || {
        gauge.set_count(door.upgrade().map_or(0, |door| door.connections()));
        Box::pin(std::future::ready(()))
    });
}

fn presence_times(config: &ExecutorsConfig) -> PresenceTimes {
    PresenceTimes { silent_after_ms: millis(config.silent_after), gone_after_ms: millis(config.gone_after) }
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Converts to milliseconds, the unit of everything stored.
fn retention(config: &RetentionConfig) -> Retention {
    let ms = |kept: Option<std::time::Duration>| kept.map(millis);
    Retention {
        succeeded_ms: ms(config.succeeded),
        failed_ms: ms(config.failed),
        cancelled_ms: ms(config.cancelled),
        dead_letters_ms: ms(config.dead_letters),
    }
}

/// Returns each kind of database, and the version of the schema that this build works with.
pub fn schema_versions() -> [(&'static str, i64); 2] {
    [("postgres", apiary_store_postgres::schema_version()), ("sqlite", apiary_store_sqlite::schema_version())]
}

/// Opens the store as it is, its schema unread.
///
/// # Errors
/// [`StoreError::Open`] if the address or the file can never do, [`StoreError::Unavailable`] if it may do later.
pub fn open_store(config: &StoreConfig) -> BoxFuture<'_, Result<Arc<dyn Store>, StoreError>> {
    Box::pin(async move {
        Ok(match config {
            StoreConfig::Sqlite { path } => Arc::new(SqliteStore::open(path).await?) as Arc<dyn Store>,
            StoreConfig::Postgres { url, connections_max, has_transaction_pooler, direct_url } => {
                let options = postgres_options(*connections_max, *has_transaction_pooler, direct_url);
                Arc::new(PostgresStore::connect(url, options).await?)
            }
        })
    })
}

/// Copies the database to a file from which it can be restored, as it is at one moment, and returns the file's size in bytes. Brokers may run
/// meanwhile.
///
/// # Errors
/// [`StoreError::Open`] if the address or the file can never do, [`StoreError::Unavailable`] if it may do later, and
/// [`StoreError::Trouble`] if the copy cannot be made.
pub fn back_up<'a>(config: &'a StoreConfig, into: &'a Path) -> BoxFuture<'a, Result<u64, StoreError>> {
    Box::pin(async move {
        match config {
            StoreConfig::Sqlite { path } => apiary_store_sqlite::back_up(path, into).await,
            StoreConfig::Postgres { url, direct_url, has_transaction_pooler, .. } => {
                let store =
                    PostgresStore::connect(url, postgres_options(1, *has_transaction_pooler, direct_url)).await?;
                let copied = store.back_up(into).await;
                store.close().await;
                copied
            }
        }
    })
}

fn postgres_options(
    connections_max: u32,
    has_transaction_pooler: bool,
    direct_url: &Option<String>,
) -> PostgresOptions {
    PostgresOptions {
        connections_max,
        has_transaction_pooler,
        direct_url: direct_url.clone(),
        ..PostgresOptions::default()
    }
}

async fn open(config: &Config) -> Result<Arc<dyn Store>, StoreError> {
    let store = open_store(&config.store).await?;
    if config.migrate {
        store.ensure_backup().await?;
        store.migrate().await?;
    }
    store.check_schema().await?;
    Ok(store)
}

/// True if this is the socket of a killed broker: a socket that nobody answers. Any other file belongs to somebody.
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
    use super::*;

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
