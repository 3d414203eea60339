//! Postgres clusters of a single test, for fail-over and poolers, which the server shared by all tests cannot do.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot set up its subject must fail at once"
)]

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, raw_sql};
use tempfile::TempDir;

use crate::{Port, eventually};

/// Debian's folder of Postgres's programs, by version.
const PROGRAMS: &str = "/usr/lib/postgresql";
/// Environment variable with the path of a PgBouncer newer than the system's.
const NEWER_PGBOUNCER: &str = "APIARY_TEST_NEWER_PGBOUNCER";

/// A server, run by the account `postgres` if the tests run as root: Postgres and PgBouncer refuse to run as root.
pub struct Server {
    child: Child,
    /// Signal that ends it at once: its data is deleted anyway.
    end: Signal,
    port: Port,
    /// Removed with the server.
    _folder: TempDir,
}

/// Kinds of PgBouncer.
#[derive(Clone, Copy, Debug)]
pub enum PgBouncer {
    /// The system's version.
    Installed,
    /// A version that supports prepared statements: 1.21 or later.
    Newer,
}

impl PgBouncer {
    fn program(self) -> PathBuf {
        const ADVICE: &str = "PgBouncer: run `cargo xtask test`";
        const PROGRAMS: [&str; 3] = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"];
        match self {
            Self::Installed => PROGRAMS.iter().map(PathBuf::from).find(|path| path.exists()).expect(ADVICE),
            Self::Newer => std::env::var_os(NEWER_PGBOUNCER).map(PathBuf::from).expect(ADVICE),
        }
    }
}

impl Server {
    /// Starts a new cluster. Commits wait for a standby once there is one, so that none is lost with the primary.
    pub async fn primary() -> Self {
        let folder = folder();
        let data = folder.path().join("data");
        run(postgres_program("initdb")
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "-D"])
            .arg(&data));
        Self::serve(folder).await
    }

    /// Starts a standby of this server, whose commits wait for it from now on.
    pub async fn standby(&self) -> Self {
        let folder = folder();
        let data = folder.path().join("data");
        run(postgres_program("pg_basebackup")
            .args(["-R", "--no-sync", "-X", "stream", "-c", "fast", "-d", &self.url("postgres"), "-D"])
            .arg(&data));
        let standby = Self::serve(folder).await;
        self.execute("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'").await;
        self.execute("postgres", "SELECT pg_reload_conf()").await;
        standby
    }

    async fn serve(folder: TempDir) -> Self {
        let port = Port::take();
        let mut command = postgres_program("postgres");
        command.arg("-D").arg(folder.path().join("data"));
        for setting in [
            format!("port={}", port.address().port()),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", folder.path().display()),
            "fsync=off".to_owned(),
            "log_min_messages=fatal".to_owned(),
        ] {
            command.arg("-c").arg(setting);
        }
        let server = Self { child: spawn(&mut command), end: Signal::SIGQUIT, port, _folder: folder };
        eventually("the server answers", async || PgConnection::connect(&server.url("postgres")).await.ok()).await;
        server
    }

    /// Starts a PgBouncer in front of the server at this URL, which gives each transaction one of few connections.
    pub async fn pgbouncer(which: PgBouncer, target: &reqwest::Url) -> Self {
        Self::pgbouncer_with(which, target, "pool_mode = transaction\ndefault_pool_size = 3\n").await
    }

    /// Starts a PgBouncer in front of the server at this URL, with these settings of its pool, one a line.
    pub async fn pgbouncer_with(which: PgBouncer, target: &reqwest::Url, pool: &str) -> Self {
        let (folder, port) = (folder(), Port::take());
        let (user, password) = (target.username(), target.password().unwrap_or_default());
        let users = folder.path().join("users.txt");
        let settings = folder.path().join("pgbouncer.ini");
        // Servers that trust all clients of this machine have no password.
        let check = if password.is_empty() { "trust" } else { "plain" };
        std::fs::write(&users, format!("\"{user}\" \"{password}\"\n")).unwrap();
        let text = format!(
            "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\nauth_type = {check}\n\
             auth_file = {}\n{pool}max_client_conn = 200\nunix_socket_dir =\n",
            target.host_str().unwrap(),
            target.port().unwrap_or(5432),
            port.address().port(),
            users.display(),
        );
        std::fs::write(&settings, text).unwrap();
        let mut command = as_account(&which.program());
        command.arg("--quiet").arg(&settings);
        // Not SIGQUIT: a test in the background of a shell ignores it, and its children inherit that.
        let server = Self { child: spawn(&mut command), end: Signal::SIGTERM, port, _folder: folder };
        eventually("the pooler listens", async || tokio::net::TcpStream::connect(server.address()).await.ok()).await;
        server
    }

    /// Returns its address.
    pub fn address(&self) -> std::net::SocketAddr {
        self.port.address()
    }

    /// Returns the superuser's URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@{}/{database}", self.address())
    }

    /// Runs SQL in a database.
    pub async fn execute(&self, database: &str, sql: &str) {
        let mut connection = PgConnection::connect(&self.url(database)).await.unwrap();
        connection.execute(raw_sql(AssertSqlSafe(sql.to_owned()))).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Returns the first column of a query's rows.
    pub async fn column(&self, database: &str, sql: &'static str) -> Vec<String> {
        let mut connection = PgConnection::connect(&self.url(database)).await.unwrap();
        sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
    }

    /// Demotes a primary without cutting a connection: from the next transaction on, everything in it is read-only.
    pub async fn demote(&self) {
        self.execute("postgres", "ALTER SYSTEM SET default_transaction_read_only = on").await;
        self.execute("postgres", "SELECT pg_reload_conf()").await;
    }

    /// Waits until there are commits that wait for a standby that is gone.
    pub async fn wait_for_unconfirmed_commits(&self) {
        let sql = "SELECT pid::text FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        eventually("a commit waits for the standby", async || {
            (!self.column("postgres", sql).await.is_empty()).then_some(())
        })
        .await;
    }

    /// Promotes a standby, and waits until it accepts writes.
    pub async fn promote(&self) {
        self.execute("postgres", "SELECT pg_promote(true)").await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(pid), self.end);
        }
        let _ = self.child.wait();
    }
}

/// Creates a folder owned by the account.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    if let Some(account) = account() {
        chown(folder.path(), Some(account.uid.as_raw()), Some(account.gid.as_raw())).unwrap();
    }
    folder
}

fn account() -> Option<User> {
    geteuid().is_root().then(|| {
        let known = ["postgres", "nobody"].into_iter().find_map(|name| User::from_name(name).ok().flatten());
        known.expect("an account that Postgres may run as")
    })
}

fn postgres_program(name: &str) -> Command {
    let found = postgres_programs().map(|folder| folder.join(name)).filter(|path| path.is_file());
    as_account(&found.unwrap_or_else(|| PathBuf::from(name)))
}

/// Returns the folder of Postgres's programs, of the latest version; `None` where they are on the search path.
pub fn postgres_programs() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> =
        std::fs::read_dir(PROGRAMS).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    versions.sort_by_key(|path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
    versions.into_iter().rev().map(|version| version.join("bin")).find(|folder| folder.join("initdb").is_file())
}

fn as_account(program: &Path) -> Command {
    let mut command = Command::new(program);
    if let Some(account) = account() {
        command.uid(account.uid.as_raw()).gid(account.gid.as_raw());
    }
    command.current_dir("/").env_clear().env("LC_ALL", "C").env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

fn run(command: &mut Command) {
    let output = command.output().expect("Postgres: run `cargo xtask test`");
    if !output.status.success() {
        panic!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

fn spawn(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("Postgres or PgBouncer: run `cargo xtask test`")
}
