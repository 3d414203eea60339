//! `apiary shadow`: exit codes and words of its three commands, on Postgres.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use apiary_bees::finance::{PostgresRecord, Record as _};

use crate::database::{Database, block_on};
use crate::scene::{Ran, Scene};

const MAP: &str = r#"
    lag = "0s"
    clean_for = "0s"
    [[table]]
    old = "shop.plans"
    record = "subscriptions"
    key = "subscription"
    [table.columns]
    subscription = "id"
    status = { from = "status", values = { canceled = "cancelled" } }
"#;

/// An old table and a record with the same subscription.
const ROWS: &str = "
    create schema shop;
    create table shop.plans (subscription text primary key, status text);
    insert into shop.plans values ('sub_1', 'cancelled');
    insert into public.stripe_subscriptions (livemode, id, status) values (true, 'sub_1', 'canceled')";

fn shop() -> Database {
    let database = Database::create("shadow");
    block_on(async {
        let record = PostgresRecord::new(&database.url.clone().into()).unwrap();
        record.migrate().await.unwrap();
        record.close().await;
    });
    database.execute(ROWS);
    database
}

#[test]
fn a_table_is_compared_replaced_and_put_back() {
    let (scene, database) = (Scene::new(), shop());
    scene.write("map.toml", MAP);
    let run = |arguments: &[&str]| {
        let arguments = [&["shadow"][..], arguments, &["--map", "map.toml"]].concat();
        scene.run_with(&[("DATABASE_URL", database.url.as_str())], &arguments)
    };
    let failed = |ran: Ran, words: &str| {
        assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains(words), "{}{}", ran.stdout, ran.stderr);
    };
    assert_eq!(run(&["report", "--json"]).json()["clean"], true);
    database.execute("update shop.plans set status = 'active'");
    failed(run(&["report"]), "shop.plans  sub_1  differs  status");
    failed(run(&["cutover", "--yes"]), "a gate refuses; nothing was changed");
    database.execute("update shop.plans set status = 'cancelled'");

    let would = run(&["cutover"]);
    assert!(would.stderr.contains("nothing was changed"), "{}", would.stderr);
    assert!(would.ok().contains("alter table \"shop\".\"plans\" rename to \"plans_before_apiary\";"));
    run(&["cutover", "--yes"]).ok();
    assert!(run(&["cutover", "--yes"]).ok().contains("shop.plans was cut over at 20"));
    failed(run(&["report"]), "nothing is left to compare");

    database.execute("update public.stripe_subscriptions set status = 'unpaid'");
    assert!(run(&["rollback"]).ok().contains("drop view \"shop\".\"plans\";"));
    assert!(run(&["rollback", "--yes"]).ok().contains("shop.plans is back: 1 rows updated, 0 added, 0 not written"));
    assert!(run(&["rollback", "--yes"]).ok().contains("there is nothing to roll back"));
    assert_eq!(run(&["report", "-o", "json"]).json()["tables"][0]["agreed"], 1);
}

#[test]
fn a_state_of_record_that_is_no_postgres_and_a_wrong_mapping_are_told() {
    let scene = Scene::new();
    scene.write("map.toml", MAP);
    let rest = [("SUPABASE_URL", "https://shop.example"), ("SUPABASE_SERVICE_ROLE_KEY", "sb_secret_x")];
    let words = scene.run_with(&rest, &["shadow", "report", "--map", "map.toml"]).fails_with(2);
    assert!(words.contains("Supabase's REST API does not do"), "{words}");
    scene.write("map.toml", &MAP.replace("key =", "keys ="));
    let words = scene.run(&["shadow", "cutover", "--map", "map.toml"]).fails_with(2);
    assert!(words.contains("map.toml") && words.contains("unknown field `keys`"), "{words}");
    scene.run(&["shadow", "rollback", "--map", "none.toml"]).fails_with(5);
    let gone = [("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")];
    scene.write("map.toml", MAP);
    scene.run_with(&gone, &["shadow", "report", "--map", "map.toml"]).fails_with(4);
}
