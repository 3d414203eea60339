//! A broker under attack, with honest callers beside the attackers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use apiary_executor_sdk::{Client, ClientConfig, ClientError};
use apiary_identity::{Envelope, GrantRight, KeyPair, Role, SystemClock};
use apiary_tests::daemon::Daemon;
use apiary_tests::{Port, grant_document};
use bytes::Bytes;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::connections::connect;

/// Duration of an attack in CI.
pub(super) const QUICK: Duration = Duration::from_secs(5);
/// Duration of an attack in `cargo xtask check-long`.
pub(super) const LONG: Duration = Duration::from_secs(90);
/// Longest time of an honest call: the attackers, the broker and the rest of the suite share two cores.
const DEADLINE: Duration = Duration::from_secs(10);
/// Number of times that an honest, still unknown caller reopens its connection for a call.
const RETRIES_MAX: u32 = 3;
/// Maximum memory of the broker, in bytes.
const MEMORY_MAX: u64 = 150_000_000;

/// A broker process with a colony.
pub(super) struct Target {
    broker: Daemon,
    pub(super) address: SocketAddr,
    colony: KeyPair,
    user: KeyPair,
    _port: Port,
    _folder: TempDir,
}

impl Target {
    pub(super) async fn start(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [colony, owner, user] = [(); 3].map(|()| KeyPair::generate());
        let port = Port::take();
        let address = port.address();
        let mut broker = Daemon::new("broker", &["broker"], folder.path(), Some(address))
            .set("APIARY_BROKER_LISTEN", address)
            .set("APIARY_DATABASE_URL", format!("sqlite:{}", folder.path().join("broker.db").display()))
            .set("APIARY_BROKER_SERVER_OWNER", owner.id());
        for (variable, value) in settings {
            broker = broker.set(variable, value);
        }
        broker.start();
        broker.ready().await;
        let target = Self { broker, address, colony, user, _port: port, _folder: folder };
        target.client(&owner).create_colony("calm").await.unwrap();
        let grant =
            grant_document(&target.colony, &target.user, "ada", Role::User, (&["*"], &["*"]), &[GrantRight::Read]);
        let envelope = Envelope::seal(&target.colony, &grant).unwrap();
        target.client(&target.colony).add_grant(&envelope).await.unwrap();
        target
    }

    /// Lets attackers attack for `time`, with honest calls beside them, and checks memory and latency.
    pub(super) async fn withstands(&self, attackers: JoinSet<()>, time: Duration) {
        let mut attackers = attackers;
        // On a thread of its own: the attackers' tasks must load the broker, and not delay these calls.
        let mut times = tokio::task::block_in_place(|| {
            std::thread::scope(|scope| {
                let honest = scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    runtime.block_on(self.call_honestly(time))
                });
                honest.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
        });
        let ended = attackers.try_join_next();
        assert!(ended.is_none(), "an attacker gave up: {ended:?}");
        times.sort_unstable();
        let [middle, late, last] = [50, 99, 100].map(|percent| times[(times.len() - 1) * percent / 100]);
        let memory = self.memory_max();
        eprintln!(
            "{} honest calls, half within {middle:?}, 99 % within {late:?}, all within {last:?}; {} MB of memory at the most",
            times.len(),
            memory / 1_000_000
        );
        assert!(memory < MEMORY_MAX, "the broker took {memory} bytes");
        attackers.shutdown().await;
        assert!(self.client(&self.user).get_colony().await.is_ok(), "and it serves on");
    }

    /// Calls until the end, as a known client, as a new one, and for a page. Returns the duration of each call.
    async fn call_honestly(&self, time: Duration) -> Vec<Duration> {
        let end = Instant::now() + time;
        let known = self.client(&self.user);
        in_time("a caller that comes first", RETRIES_MAX, async || known.get_colony().await.map(drop)).await;
        let mut times = Vec::new();
        while Instant::now() < end {
            // Its connection is a known client's by now, and is not closed for others.
            times.push(in_time("a known caller", 0, async || known.get_colony().await.map(drop)).await);
            // A new connection, as every command of the command line has: it differs from the attackers' only in what
            // it sends.
            let fresh = self.client(&self.user);
            let submit = async || fresh.submit_json("t", "f", &"hello").await.map(drop);
            times.push(in_time("a new caller", RETRIES_MAX, submit).await);
            let begun = Instant::now();
            let url = format!("http://{}/readyz", self.address);
            let page =
                timeout(DEADLINE, apiary_tests::http().get(url).send()).await.expect("a page is answered in time");
            assert!(page.expect("a page is answered").status().is_success());
            times.push(begun.elapsed());
        }
        times
    }

    fn client(&self, key: &KeyPair) -> Client {
        let config = ClientConfig::new(format!("http://{}", self.address).parse().unwrap());
        Client::new(&config, self.colony.id(), key.clone(), Arc::new(SystemClock)).unwrap()
    }

    /// Returns the peak memory of the broker so far, in bytes.
    fn memory_max(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.broker.pid().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

/// Calls until there is an answer, and returns the duration. A new connection may be closed before its first request,
/// because it looks like an attacker's; then it is opened again, as every bee and adapter does, up to [`RETRIES_MAX`]
/// times.
async fn in_time(who: &str, retries: u32, call: impl AsyncFn() -> Result<(), ClientError>) -> Duration {
    let begun = Instant::now();
    let answered = async {
        for retry in 0.. {
            match call().await {
                Ok(()) => return,
                Err(ClientError::Unreachable { .. }) if retry < retries => breath().await,
                Err(error) => panic!("{who} is answered, at the latest after {retries} retries: {error}"),
            }
        }
    };
    timeout(DEADLINE, answered).await.unwrap_or_else(|_| panic!("{who} is answered in time"));
    begun.elapsed()
}

/// Waits between two connections of an attacker: the attackers share two cores with the broker, and ports run out.
pub(super) async fn breath() {
    // The pace of the attack, not a wait for a condition.
    tokio::time::sleep(Duration::from_millis(10)).await;
}

/// Opens a raw HTTP/2 connection from one of this machine's loopback addresses, with the task that drives it until
/// dropped.
pub(super) async fn http2(from: u8, address: SocketAddr) -> Option<h2::client::SendRequest<Bytes>> {
    let stream = connect(from, address).await.ok()?;
    let mut builder = h2::client::Builder::new();
    builder.max_concurrent_reset_streams(100_000).max_send_buffer_size(64 * 1024);
    let (client, connection) = builder.handshake(stream).await.ok()?;
    tokio::spawn(connection);
    Some(client)
}

/// Builds the head of a gRPC call.
pub(super) fn call(address: SocketAddr, path: &str) -> http::Request<()> {
    let request = http::Request::post(format!("http://{address}{path}"));
    request.header("content-type", "application/grpc").header("te", "trailers").body(()).unwrap()
}
