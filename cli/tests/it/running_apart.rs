//! Runs the commands of `docs/running-apart.md`, unchanged.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up its subject must fail at once")]

use apiary_bees::finance::{PostgresRecord, Record as _, SubscriptionQuery};
use apiary_tests::Port;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::page::{commands, run_script};
use crate::scene::Scene;

/// Values of the page that the test replaces with those of reachable servers.
const BROKER: &str = "127.0.0.1:7420";
const WEBHOOK: &str = "127.0.0.1:7421";
const BROKER_DATABASE: &str = "postgres://apiary:secret@db.example/apiary";
const RECORD_DATABASE: &str = "postgres://finance:secret@record.example/record";

#[test]
fn the_documented_commands_work_on_postgres() {
    let scene = Scene::new();
    let (broker_database, record_database) = (Database::create("apart_broker"), Database::create("apart_record"));
    let (broker, webhook) = (Port::take(), Port::take());
    let replaced = [
        (BROKER, broker.address().to_string()),
        (WEBHOOK, webhook.address().to_string()),
        (BROKER_DATABASE, broker_database.url.clone()),
        (RECORD_DATABASE, record_database.url.clone()),
    ];
    let mut script = commands("running-apart.md");
    assert!(script.contains("apiary broker"), "the page's blocks are found");
    for (from, to) in replaced {
        assert!(script.contains(from), "the page names {from}");
        script = script.replace(from, &to);
    }
    let (code, words) = run_script(&scene, &script);
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("holds   result"), "the chain was checked:\n{words}");
    let shown = words.lines().any(|line| line.starts_with("sub_first") && line.contains("active"));
    assert!(shown, "`record show` shows the row:\n{words}");
    assert_eq!(record_database.subscriptions(), [("sub_first".to_owned(), Some("active".to_owned()))]);
}

/// A database for the test, dropped at its end.
struct Database {
    server: String,
    name: String,
    url: String,
}

impl Database {
    fn create(prefix: &str) -> Self {
        let server =
            std::env::var("APIARY_TEST_POSTGRES_URL").expect("run `cargo xtask test`, which provides a Postgres");
        let name = format!("{prefix}_{}", uuid::Uuid::new_v4().simple());
        execute(&server, &format!("CREATE DATABASE {name} TEMPLATE template0"));
        let (base, _) = server.rsplit_once('/').unwrap();
        Self { url: format!("{base}/{name}"), server, name }
    }

    fn subscriptions(&self) -> Vec<(String, Option<String>)> {
        block_on(async {
            let record = PostgresRecord::new(&self.url.clone().into()).unwrap();
            let rows = record.subscriptions(&SubscriptionQuery::all(false)).await.unwrap();
            rows.into_iter().map(|row| (row.id, row.status)).collect()
        })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        execute(&self.server, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

fn execute(url: &str, sql: &str) {
    block_on(async {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    });
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
