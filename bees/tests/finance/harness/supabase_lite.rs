//! Supabase's own PostgREST-compatible server (npm `@supabase/lite`, with the npm package `postgres` beside
//! it), on a database of its own.
//!
//! `APIARY_TEST_SUPABASE_LITE` is the folder whose `node_modules` holds both. `node` is looked for on PATH.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use apiary_bees::finance::PostgrestRecord;
use apiary_identity::SystemClock;
use apiary_tests::{Port, eventually_within};
use secrecy::SecretString;
use tempfile::TempDir;
use uuid::Uuid;

use super::database::{PrivateDatabase, QUICK};

/// Time limit for the server's start on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A running server with its database; killed on drop.
pub(crate) struct SupabaseLite {
    pub(crate) url: String,
    pub(crate) database: PrivateDatabase,
    secret_key: String,
    publishable_key: String,
    child: Child,
    folder: TempDir,
    port: Port,
}

impl SupabaseLite {
    /// A server on a database that has the tables and the function.
    pub(crate) async fn migrated() -> Self {
        Self::start(PrivateDatabase::migrated().await).await
    }

    /// A server on this database.
    pub(crate) async fn start(database: PrivateDatabase) -> Self {
        let home = std::env::var("APIARY_TEST_SUPABASE_LITE")
            .unwrap_or_else(|_| panic!("APIARY_TEST_SUPABASE_LITE is not set: run `cargo xtask test`"));
        let port = Port::take();
        let (secret_key, publishable_key) = (key("sb_secret_"), key("sb_publishable_"));
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("supabase")).unwrap();
        let config = format!(
            "[api]\nport = {}\n[db]\ndriver = \"postgres\"\nurl = \"{}\"\n[auth]\nenabled = false\n\
             jwt_secret = \"{}\"\npublishable_key = \"{publishable_key}\"\nsecret_key = \"{secret_key}\"\n",
            port.address().port(),
            database.url(),
            key(""),
        );
        std::fs::write(folder.path().join("supabase/config.toml"), config).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new("node")
            .arg(Path::new(&home).join("node_modules/@supabase/lite/dist/cli/index.js"))
            // Without admin mode a request without a key is refused, as it is at Supabase.
            .args(["start", "--no-admin"])
            .current_dir(folder.path())
            .env("DO_NOT_TRACK", "1")
            .env("LITE_TELEMETRY", "0")
            .stdin(Stdio::null())
            .stderr(log.try_clone().unwrap())
            .stdout(log)
            .spawn()
            .unwrap();
        let url = format!("http://{}", port.address());
        let mut server = Self { url, database, secret_key, publishable_key, child, folder, port };
        server.wait_until_it_listens().await;
        server
    }

    async fn wait_until_it_listens(&mut self) {
        eventually_within(START_TIMEOUT, "@supabase/lite listens", async || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "@supabase/lite ended: {ended:?}");
            tokio::net::TcpStream::connect(self.port.address()).await.is_ok()
        })
        .await;
    }

    /// A record as `service_role`.
    pub(crate) fn record(&self) -> Arc<PostgrestRecord> {
        self.record_with_key(&self.secret_key)
    }

    /// A record as `anon`.
    pub(crate) fn record_as_anon(&self) -> Arc<PostgrestRecord> {
        self.record_with_key(&self.publishable_key)
    }

    pub(crate) fn record_with_key(&self, key: &str) -> Arc<PostgrestRecord> {
        let key = SecretString::from(key);
        Arc::new(PostgrestRecord::with_retries(&self.url, &key, Arc::new(SystemClock), QUICK).unwrap())
    }

    /// Stops the server and drops its database.
    pub(crate) async fn stop(mut self) {
        self.kill();
        self.database.clone().drop().await;
    }

    fn kill(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for SupabaseLite {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            eprintln!("--- @supabase/lite said:\n{log}");
        }
        self.kill();
    }
}

fn key(prefix: &str) -> String {
    format!("{prefix}{}", Uuid::new_v4().simple())
}
