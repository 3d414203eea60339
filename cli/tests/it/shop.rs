//! Runs the commands of `docs/shop.md`, unchanged, against a stand-in for Stripe and a Postgres in Supabase's place.

use apiary_tests::Port;
use apiary_tests::stripe_api::{StandIn, fixture};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::database::Database;
use crate::page::{commands, repository, run_script};
use crate::scene::Scene;

/// Values of the page that the test replaces.
const DATABASE: &str = "postgres://postgres:secret@db.project.example/postgres";
const KEY: &str = "rk_test_0123456789abcdefghijklmnop";
const BROKER: &str = "127.0.0.1:7420";
const WEBHOOK: &str = "127.0.0.1:7421";
const SCRIPT: &str = "deploy/supabase/apply.sh";

/// Second in November 2026.
const T0: i64 = 1_795_000_000;

/// The table of the page, with rows that agree with Stripe.
const ROWS: &str = "
    create table public.subscriptions (
      id text primary key, user_id text, price_id text, status text not null, updated_at timestamptz not null default now()
    );
    insert into public.subscriptions values
      ('sub_1', 'una', 'price_1', 'active', '2026-11-30'), ('sub_2', 'duo', 'price_1', 'canceled', '2026-11-30')";

#[test]
fn the_documented_commands_work_from_the_first_table_to_the_cutover() {
    let (scene, database, runtime) = (Scene::new(), Database::create("shop"), Runtime::new().unwrap());
    let server = runtime.block_on(StandIn::start());
    for (number, user, status) in [(1, "una", "active"), (2, "duo", "canceled")] {
        let (customer, subscription) = (format!("cus_{number}"), format!("sub_{number}"));
        server.put(fixture("customer", &json!({"id": customer, "created": T0})));
        let mut object = fixture(
            "subscription",
            &json!({"id": subscription, "customer": customer, "created": T0, "status": status, "metadata": {"user_id": user}}),
        );
        object["items"]["data"][0]["price"]["id"] = json!("price_1");
        server.put(object);
    }
    database.execute(ROWS);

    let (broker, webhook) = (Port::take(), Port::take());
    let mut script = commands("shop.md");
    let apply = repository().join(SCRIPT).display().to_string();
    for (from, to) in [
        (DATABASE, database.url.as_str()),
        (KEY, &server.key()),
        (SCRIPT, &apply),
        // A day is not waited for.
        ("clean_for = \"24h\"", "clean_for = \"0s\""),
        (BROKER, &broker.address().to_string()),
        (WEBHOOK, &webhook.address().to_string()),
    ] {
        assert!(script.contains(from), "the page names {from}");
        script = script.replace(from, to);
    }
    let settings = format!("export APIARY_FINANCE_STRIPE_API_URL={} APIARY_FINANCE_STRIPE_RATE=100\n", server.url);
    let (code, words) = run_script(&scene, &(settings + &script));
    assert_eq!(code, Some(0), "{words}");
    for part in [
        "2      0       0         0",
        "the old names show the bee's rows",
        "sub_2 | duo     | price_1  | canceled",
        "applied to invoice",
    ] {
        assert!(words.contains(part), "{part}:\n{words}");
    }
}
