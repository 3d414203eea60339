//! Databases for tests: an empty one for each test, removed at the end.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot set up its subject must fail at once")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use apiary_broker::config::StoreConfig;
use apiary_store::{Store, documents};
use apiary_store_postgres::{PostgresOptions, PostgresStore};
use apiary_store_sqlite::SqliteStore;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tempfile::TempDir;
use uuid::Uuid;

/// Environment variable with the URL of the Postgres of `cargo xtask test`.
const POSTGRES_URL: &str = "APIARY_TEST_POSTGRES_URL";
/// Connections of a store: many tests run at the same time on one server.
const CONNECTIONS_MAX: u32 = 8;

/// An empty database of a test. Clones share it; it is removed with the last.
#[derive(Clone)]
pub struct Backend(Arc<Database>);

enum Database {
    Sqlite { folder: TempDir },
    Postgres { admin_url: String, name: String, url: String },
}

/// An open transaction.
pub enum Hold {
    /// In a SQLite file.
    Sqlite(SqliteConnection),
    /// On a Postgres server.
    Postgres(PgConnection),
}

impl Backend {
    /// Creates a SQLite file in a temporary folder.
    pub async fn sqlite() -> Self {
        Self(Arc::new(Database::Sqlite { folder: tempfile::tempdir().expect("a temporary folder") }))
    }

    /// Creates a database on the server of `cargo xtask test`.
    pub async fn postgres() -> Self {
        let admin_url = std::env::var(POSTGRES_URL).unwrap_or_else(|_| {
            panic!("{POSTGRES_URL} is not set, and this test needs Postgres: run `cargo xtask test`")
        });
        let name = format!("apiary_test_{}", Uuid::new_v4().simple());
        // `template0`, because nothing ever connects to it, and `CREATE DATABASE` needs a template without connections.
        on_postgres(&admin_url, &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")).await;
        let url = with_database(&admin_url, &name);
        Self(Arc::new(Database::Postgres { admin_url, name, url }))
    }

    /// Returns `sqlite` or `postgres`.
    pub fn kind(&self) -> &'static str {
        match &*self.0 {
            Database::Sqlite { .. } => "sqlite",
            Database::Postgres { .. } => "postgres",
        }
    }

    /// Returns the setting for a broker's configuration.
    pub fn store_config(&self) -> StoreConfig {
        match &*self.0 {
            Database::Sqlite { .. } => StoreConfig::Sqlite { path: self.path() },
            Database::Postgres { url, .. } => StoreConfig::Postgres {
                url: url.clone(),
                connections_max: CONNECTIONS_MAX,
                has_transaction_pooler: false,
                direct_url: None,
            },
        }
    }

    /// Returns the URL, or the file's path, for a command line.
    pub fn url(&self) -> String {
        match &*self.0 {
            Database::Sqlite { .. } => self.path().display().to_string(),
            Database::Postgres { url, .. } => url.clone(),
        }
    }

    /// Opens a store on this database, and migrates its schema.
    pub async fn open(&self) -> Arc<dyn Store> {
        let store = self.open_as_it_is().await;
        store.migrate().await.expect("the schema is brought up to date");
        store
    }

    /// Opens a store on this database without a migration.
    pub async fn open_as_it_is(&self) -> Arc<dyn Store> {
        match &*self.0 {
            Database::Sqlite { .. } => Arc::new(SqliteStore::open(&self.path()).await.expect("the file opens")),
            Database::Postgres { url, .. } => {
                let options = PostgresOptions { connections_max: CONNECTIONS_MAX, ..PostgresOptions::default() };
                Arc::new(PostgresStore::connect(url, options).await.expect("the server answers"))
            }
        }
    }

    /// Runs SQL past every store, like an attacker in the database. Tables have the same names in both.
    pub async fn execute(&self, sql: &str) {
        match &*self.0 {
            Database::Postgres { url, .. } => on_postgres(url, sql).await,
            Database::Sqlite { .. } => {
                let mut connection = sqlite(&self.path()).await;
                connection.execute(AssertSqlSafe(sql)).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
                connection.close().await.expect("the file closes");
            }
        }
    }

    /// Replaces text in all documents of a column past every store, each of which is about a process and has the text.
    pub async fn alter_documents(&self, table: &str, column: &str, from: &str, to: &str) {
        let sql = format!("SELECT process_id, {column} FROM {table}");
        let select = AssertSqlSafe(sql.as_str());
        let found: Result<Vec<(Uuid, Vec<u8>)>, _> = match &*self.0 {
            Database::Postgres { url, .. } => sqlx::query_as(select).fetch_all(&mut postgres(url).await).await,
            Database::Sqlite { .. } => sqlx::query_as(select).fetch_all(&mut sqlite(&self.path()).await).await,
        };
        for (process_id, stored) in found.unwrap_or_else(|error| panic!("{sql}: {error}")) {
            let altered = altered(&stored, from, to);
            let (altered, process_id) = (self.literal(&altered), self.literal(process_id.as_bytes()));
            let process_id =
                if self.kind() == "postgres" { format!("encode({process_id}, 'hex')::uuid") } else { process_id };
            self.execute(&format!("UPDATE {table} SET {column} = {altered} WHERE process_id = {process_id}")).await;
        }
    }

    /// Returns bytes as SQL.
    pub fn literal(&self, bytes: &[u8]) -> String {
        let hex = hex::encode(bytes);
        if self.kind() == "postgres" { format!("'\\x{hex}'::bytea") } else { format!("x'{hex}'") }
    }

    /// Reads a number past every store.
    pub async fn number(&self, sql: &str) -> i64 {
        let read = match &*self.0 {
            Database::Postgres { url, .. } => {
                sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut postgres(url).await).await
            }
            Database::Sqlite { .. } => {
                sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut sqlite(&self.path()).await).await
            }
        };
        read.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Begins a transaction past every store with this SQL, as another broker would, and leaves it open.
    pub async fn hold(&self, sql: &str) -> Hold {
        match &*self.0 {
            Database::Postgres { url, .. } => {
                let mut connection = postgres(url).await;
                connection.execute(AssertSqlSafe(sql)).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
                Hold::Postgres(connection)
            }
            Database::Sqlite { .. } => {
                let mut connection = sqlite(&self.path()).await;
                connection.execute(AssertSqlSafe(sql)).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
                Hold::Sqlite(connection)
            }
        }
    }

    /// Cuts every connection to a Postgres database, as a fail-over or restart does. Does nothing for SQLite, which has
    /// none.
    pub async fn cut_connections(&self) {
        if let Database::Postgres { admin_url, name, .. } = &*self.0 {
            let cut = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
            on_postgres(admin_url, &cut).await;
        }
    }

    /// Returns the path of the SQLite file.
    ///
    /// # Panics
    /// For Postgres, which has no file.
    pub fn path(&self) -> PathBuf {
        match &*self.0 {
            Database::Sqlite { folder } => folder.path().join("apiary.db"),
            Database::Postgres { .. } => panic!("Postgres has no file"),
        }
    }
}

/// Returns a stored document with other text, as it would be stored.
pub fn altered(stored: &[u8], from: &str, to: &str) -> Vec<u8> {
    let document = documents::unpack(stored).expect("a document");
    let text = std::str::from_utf8(&document).expect("text");
    assert!(text.contains(from), "{text}");
    documents::pack(text.replace(from, to).as_bytes())
}

impl Hold {
    /// Ends the transaction.
    pub async fn end(self) {
        match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        }
        .expect("the connection closes");
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Self::Postgres { admin_url, name, .. } = self else { return };
        let (admin_url, remove) = (admin_url.clone(), format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        // A thread with a runtime of its own: the test's runtime may be shutting down, also after a panic.
        let removal = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(on_postgres(&admin_url, &remove));
        });
        if removal.join().is_err() && !std::thread::panicking() {
            panic!("the test's database could not be removed");
        }
    }
}

async fn sqlite(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).foreign_keys(false);
    SqliteConnection::connect_with(&options).await.expect("the file opens")
}

async fn postgres(url: &str) -> PgConnection {
    let options: PgConnectOptions = url.parse().expect("a Postgres URL");
    let options = options.options([("search_path", "apiary,public")]);
    PgConnection::connect_with(&options).await.expect("the server answers")
}

async fn on_postgres(url: &str, sql: &str) {
    let mut connection = postgres(url).await;
    connection.execute(AssertSqlSafe(sql)).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    connection.close().await.expect("the connection closes");
}

/// Returns the URL of another database on the same server.
fn with_database(url: &str, name: &str) -> String {
    let (address, parameters) = url.split_once('?').map_or((url, None), |(address, rest)| (address, Some(rest)));
    let server = match address.rsplit_once('/') {
        Some((server, _)) if !server.ends_with('/') => server,
        _ => address,
    };
    match parameters {
        Some(parameters) => format!("{server}/{name}?{parameters}"),
        None => format!("{server}/{name}"),
    }
}
