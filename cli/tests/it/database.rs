//! A Postgres database of a test's own.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up its subject must fail at once")]

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// A database for the test, dropped at its end.
pub(crate) struct Database {
    server: String,
    name: String,
    roles: Vec<String>,
    pub(crate) url: String,
}

impl Database {
    pub(crate) fn create(prefix: &str) -> Self {
        let server =
            std::env::var("APIARY_TEST_POSTGRES_URL").expect("run `cargo xtask test`, which provides a Postgres");
        let name = format!("{prefix}_{}", uuid::Uuid::new_v4().simple());
        execute(&server, &format!("CREATE DATABASE {name} TEMPLATE template0"));
        let (base, _) = server.rsplit_once('/').unwrap();
        Self { url: format!("{base}/{name}"), server, name, roles: Vec::new() }
    }

    /// Creates a role with this password, dropped at the test's end, that may do everything; returns the database's URL for it.
    pub(crate) fn url_with(&mut self, password: &str) -> String {
        let role = format!("of_a_test_{}", uuid::Uuid::new_v4().simple());
        execute(&self.server, &format!("CREATE ROLE {role} SUPERUSER LOGIN PASSWORD '{password}'"));
        let (_, place) = self.url.split_once('@').unwrap();
        let url = format!("postgres://{role}:{password}@{place}");
        self.roles.push(role);
        url
    }

    /// Runs statements without parameters.
    pub(crate) fn execute(&self, sql: &str) {
        execute(&self.url, sql);
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        execute(&self.server, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        self.roles.iter().for_each(|role| execute(&self.server, &format!("DROP ROLE {role}")));
    }
}

fn execute(url: &str, sql: &str) {
    block_on(async {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
