//! Runs the commands of `docs/running-apart.md`, unchanged.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use apiary_bees::finance::{PostgresRecord, Record as _, SubscriptionQuery};
use apiary_tests::Port;

use crate::database::{Database, block_on};
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
    assert_eq!(subscriptions(&record_database), [("sub_first".to_owned(), Some("active".to_owned()))]);
}

fn subscriptions(database: &Database) -> Vec<(String, Option<String>)> {
    block_on(async {
        let record = PostgresRecord::new(&database.url.clone().into()).unwrap();
        let rows = record.subscriptions(&SubscriptionQuery::all(false)).await.unwrap();
        rows.into_iter().map(|row| (row.id, row.status)).collect()
    })
}
