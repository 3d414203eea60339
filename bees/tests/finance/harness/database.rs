//! A Postgres database of its own for each test.

use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use apiary_bees::finance::PostgresRecord;
use apiary_bees::outbound::Retries;
use apiary_identity::SystemClock;
use secrecy::SecretString;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, query, raw_sql};

use super::state::{CUSTOMERS, EVENTS, State, VERSIONS, texts};

/// Retries that do not make a test wait.
pub(crate) const QUICK: Retries =
    Retries { retries_max: 3, first_wait: Duration::from_millis(2), wait_max: Duration::from_secs(2) };

/// Supabase's three roles, and what it gives them by default to everything new in `public`.
const SUPABASE: &str = "
    do $$
    declare
      api_role text;
    begin
      perform pg_advisory_xact_lock(4711);
      foreach api_role in array array['anon', 'authenticated', 'service_role'] loop
        if not exists (select from pg_roles where rolname = api_role) then
          execute format('create role %I nologin', api_role);
        end if;
      end loop;
      alter role service_role bypassrls;
    end
    $$;
    grant usage on schema public to anon, authenticated, service_role;
    alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
    alter default privileges in schema public grant all on functions to anon, authenticated, service_role;";

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A database, made for one test and dropped by [`Self::drop`].
#[derive(Clone)]
pub(crate) struct PrivateDatabase {
    admin: PgConnectOptions,
    url: reqwest::Url,
    name: String,
}

impl PrivateDatabase {
    /// An empty one, as Supabase would hand it over.
    pub(crate) async fn new() -> Self {
        let url = std::env::var("APIARY_TEST_POSTGRES_URL")
            .unwrap_or_else(|_| panic!("APIARY_TEST_POSTGRES_URL is not set: run `cargo xtask test`"));
        let admin = PgConnectOptions::from_str(&url).unwrap();
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let name = format!("finance_{}_{number}", std::process::id());
        let mut connection = admin.connect().await.unwrap();
        raw_sql(AssertSqlSafe(format!("create database {name}"))).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let database = Self { admin, url: reqwest::Url::parse(&url).unwrap(), name };
        database.run(SUPABASE).await;
        database
    }

    /// One with the tables and the function.
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

    pub(crate) fn record(&self) -> PostgresRecord {
        PostgresRecord::with_retries(&SecretString::from(self.url()), Arc::new(SystemClock), QUICK).unwrap()
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
        let versions = query(VERSIONS).fetch_all(&mut connection).await.unwrap();
        let customers = query(CUSTOMERS).fetch_all(&mut connection).await.unwrap();
        let events = query(EVENTS).fetch_all(&mut connection).await.unwrap();
        State::new(&self.record(), texts(&versions), texts(&customers), texts(&events)).await
    }

    /// Drops the database, whoever is still connected.
    pub(crate) async fn drop(self) {
        let drop = format!("drop database {} with (force)", self.name);
        raw_sql(AssertSqlSafe(drop)).execute(&mut self.admin.connect().await.unwrap()).await.unwrap();
    }
}
