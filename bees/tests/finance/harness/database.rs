//! A Postgres database of its own for each test.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use apiary_bees::finance::PostgresRecord;
use apiary_bees::outbound::Retries;
use secrecy::SecretString;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, query, raw_sql};
use uuid::Uuid;

use super::state::{State, TABLES, texts};

/// Retries that do not make a test wait.
pub(crate) const QUICK: Retries =
    Retries { retries_max: 3, first_wait: Duration::from_millis(2), wait_max: Duration::from_secs(2) };

/// The roles that Supabase's API acts as.
const ROLES: [&str; 3] = ["anon", "authenticated", "service_role"];

/// Rights that Supabase gives its roles by default to everything new in `public`.
const DEFAULTS: &str = "
    grant usage on schema public to anon, authenticated, service_role;
    alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
    alter default privileges in schema public grant all on functions to anon, authenticated, service_role;";

/// A database, made for one test and dropped by [`Self::drop`].
#[derive(Clone)]
pub(crate) struct PrivateDatabase {
    admin: PgConnectOptions,
    url: reqwest::Url,
    name: String,
}

fn server_url() -> String {
    std::env::var("APIARY_TEST_POSTGRES_URL")
        .unwrap_or_else(|_| panic!("APIARY_TEST_POSTGRES_URL is not set: run `cargo xtask test`"))
}

impl PrivateDatabase {
    /// A connection to the database that all tests know.
    pub(crate) async fn admin() -> PgConnection {
        PgConnectOptions::from_str(&server_url()).unwrap().connect().await.unwrap()
    }

    /// An empty one, as Supabase would hand it over.
    pub(crate) async fn new() -> Self {
        Self::encoded("UTF8").await
    }

    /// An empty one with this encoding.
    pub(crate) async fn encoded(encoding: &str) -> Self {
        let url = server_url();
        let admin = PgConnectOptions::from_str(&url).unwrap();
        let name = format!("finance_{}", Uuid::new_v4().simple());
        let mut connection = admin.connect().await.unwrap();
        make_roles(&mut connection, ROLES).await;
        // `template0`, because nobody is ever connected to it, and only what nobody uses can be copied.
        let create = format!("create database {name} template template0 encoding '{encoding}' locale 'C'");
        raw_sql(AssertSqlSafe(create)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let database = Self { admin, url: reqwest::Url::parse(&url).unwrap(), name };
        database.run(DEFAULTS).await;
        database
    }

    /// Creates a database with the tables and the function.
    pub(crate) async fn migrated() -> Self {
        let database = Self::new().await;
        database.record().migrate().await.unwrap();
        database
    }

    pub(crate) fn url(&self) -> String {
        let mut url = self.url.clone();
        url.set_path(&self.name);
        url.into()
    }

    pub(crate) fn record(&self) -> Arc<PostgresRecord> {
        Arc::new(PostgresRecord::with_retries(&SecretString::from(self.url()), QUICK).unwrap())
    }

    /// A connection past the record, as a superuser.
    pub(crate) async fn connect(&self) -> PgConnection {
        self.admin.clone().database(&self.name).connect().await.unwrap()
    }

    /// Runs statements past the record.
    pub(crate) async fn run(&self, sql: &str) {
        raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.connect().await).await.unwrap();
    }

    pub(crate) async fn state(&self) -> State {
        let mut connection = self.connect().await;
        let mut tables = Vec::new();
        for table in TABLES {
            tables.push(texts(&query(table).fetch_all(&mut connection).await.unwrap()));
        }
        State::new(self.record().as_ref(), tables).await
    }

    /// Drops the database, whoever is still connected.
    pub(crate) async fn drop(self) {
        let drop = format!("drop database {} with (force)", self.name);
        raw_sql(AssertSqlSafe(drop)).execute(&mut self.admin.connect().await.unwrap()).await.unwrap();
    }
}

/// Makes what is missing of these roles; the last passes by row security. Roles belong to the whole cluster, so they are
/// made in the one database that all tests know: an advisory lock holds within its database only.
pub(crate) async fn make_roles(admin: &mut PgConnection, roles: [&str; 3]) {
    let [anon, authenticated, service] = roles;
    let script = format!(
        "do $$
        declare
          api_role text;
        begin
          perform pg_advisory_xact_lock(4711);
          foreach api_role in array array['{anon}', '{authenticated}', '{service}'] loop
            if not exists (select from pg_roles where rolname = api_role) then
              execute format('create role %I nologin', api_role);
            end if;
          end loop;
          if not exists (select from pg_roles where rolname = '{service}' and rolbypassrls) then
            alter role {service} bypassrls;
          end if;
        end
        $$"
    );
    raw_sql(AssertSqlSafe(script)).execute(admin).await.unwrap();
}
