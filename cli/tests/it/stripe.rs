//! Commands that read at Stripe, against a stand-in: `apiary record diff`, `apiary record show ID`, `apiary bee finance
//! --check`, and the function `finance.reconcile` through a colony.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use apiary_bees::finance::{Change, Record as _, SqliteRecord};
use apiary_tests::stripe_api::{StandIn, fixture};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::local::{Local, command};
use crate::scene::{Ran, Scene, run};

/// A second in November 2026.
const T0: i64 = 1_795_000_000;

/// A stand-in for Stripe, and a state of record that has the same.
struct Shop {
    scene: Scene,
    runtime: Runtime,
    server: StandIn,
}

impl Shop {
    fn new() -> Self {
        let (scene, runtime) = (Scene::new(), Runtime::new().unwrap());
        let server = runtime.block_on(StandIn::start());
        let shop = Self { scene, runtime, server };
        shop.both("customer.created", &customer("cus_1"));
        shop.both("customer.subscription.created", &subscription("sub_1", "active"));
        shop
    }

    /// Stores an object at Stripe, and in the state of record as its event does.
    fn both(&self, event_type: &str, object: &Value) {
        self.server.put(object.clone());
        let event = json!({"id": format!("evt_{}", object["id"].as_str().unwrap()), "type": event_type, "created": T0,
            "livemode": false, "data": {"object": object}});
        let path = self.scene.path("finance.db");
        self.runtime.block_on(async {
            let record = SqliteRecord::open(&path).await.unwrap();
            let change = Change::from_event(event.to_string().as_bytes()).unwrap();
            record.apply(&[&change]).await.unwrap();
            record.close().await;
        });
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with_key(&self.server.key(), arguments)
    }

    fn run_with_key(&self, key: &str, arguments: &[&str]) -> Ran {
        let path = self.scene.path("finance.db").display().to_string();
        let variables = [
            ("STRIPE_SECRET_KEY", key),
            ("APIARY_FINANCE_STRIPE_API_URL", &self.server.url),
            ("APIARY_FINANCE_STRIPE_RATE", "100"),
            ("APIARY_FINANCE_SQLITE", &path),
        ];
        self.scene.run_with(&variables, arguments)
    }
}

fn customer(id: &str) -> Value {
    fixture("customer", &json!({"id": id, "created": T0, "email": "ada@example.com", "metadata": {"user_id": "ada"}}))
}

fn subscription(id: &str, status: &str) -> Value {
    let fields = json!({"id": id, "customer": "cus_1", "created": T0, "status": status, "cancel_at": null,
        "canceled_at": null, "ended_at": null});
    fixture("subscription", &fields)
}

#[test]
fn a_record_that_agrees_exits_with_0_and_one_that_differs_with_1() {
    let shop = Shop::new();
    let same = shop.run(&["record", "diff", "--json"]).json();
    assert_eq!(
        same["kinds"]["subscriptions"],
        json!({"read": 1, "same": 1, "missing": 0, "different": 0, "repaired": 0, "newer": 0, "unknown": 0, "failed": 0})
    );
    shop.server.put(subscription("sub_1", "past_due"));
    shop.server.put(subscription("sub_2", "active"));
    let ran = shop.run(&["record", "diff"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stdout.contains("sub_2") && ran.stdout.contains("missing in the record"), "{}", ran.stdout);
    assert!(ran.stdout.contains("status") && !ran.stdout.contains("past_due"), "columns, no values: {}", ran.stdout);
    let ran = shop.run(&["record", "diff", "sub_1", "--json"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &report["differences"][0]["fields"]), (1, &json!(["status"])));
    shop.run(&["record", "diff", "cus_1"]).ok();
}

#[test]
fn what_cannot_be_compared_is_told_with_what_to_do() {
    let shop = Shop::new();
    let words = shop.run_with_key("pk_test_1", &["record", "diff"]).fails_with(2);
    assert!(words.contains("publishable"), "{words}");
    let words = shop.run_with_key("sk_test_wrong", &["record", "diff"]).fails_with(1);
    assert!(words.contains("does not accept the key") && !words.contains("sk_test_wrong"), "{words}");
    let words = shop.scene.run(&["record", "diff"]).fails_with(2);
    assert!(words.contains("no key for Stripe is set") && words.contains("STRIPE_SECRET_KEY"), "{words}");
    let words = shop.run(&["record", "diff", "ch_1"]).fails_with(1);
    assert!(words.contains("`ch_1`"), "{words}");
    shop.server.deny("subscriptions");
    let ran = shop.run(&["record", "diff"]);
    assert!(ran.stderr.contains("Subscriptions: Read"), "{}", ran.stderr);
}

#[test]
fn a_customer_is_shown_with_its_subscriptions_and_a_subscription_with_its_customer() {
    let shop = Shop::new();
    let shown = shop.run(&["record", "show", "cus_1", "--json"]).json();
    assert_eq!(shown["customer"]["email"], "ada@example.com");
    assert_eq!(shown["subscriptions"][0]["status"], "active");
    assert_eq!(shop.run(&["record", "show", "sub_1", "--json"]).json(), shown);
    let text = shop.run(&["record", "show", "sub_1"]).ok();
    assert!(text.contains("ada@example.com") && !text.contains("_version"), "{text}");
    let words = shop.run(&["record", "show", "sub_9"]).fails_with(5);
    assert!(words.contains("no `sub_9`"), "{words}");
    let words = shop.run(&["record", "show", "ch_1"]).fails_with(2);
    assert!(words.contains("no id of a customer"), "{words}");
}

/// Runs the check of the finance bee of a colony with these settings, and returns its findings.
fn check(local: &Local, shop: &Shop, key: &str) -> (i32, Vec<Value>) {
    let key_file = shop.scene.path("data/keys/finance.pem").display().to_string();
    let set = [format!("finance.stripe_api_url={}", shop.server.url), "finance.stripe_rate=100".to_owned()];
    let arguments =
        ["bee", "finance", "--check", "-o", "json", "--key-file", &key_file, "--set", &set[0], "--set", &set[1]];
    let ran = run(local.command(&arguments).env("STRIPE_SECRET_KEY", key));
    assert!(serde_json::from_str::<Value>(&ran.stdout).is_ok(), "{}", ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    (ran.code, report["findings"].as_array().unwrap().clone())
}

#[test]
fn the_check_of_a_bee_names_each_thing_that_it_needs_and_claims_nothing() {
    let shop = Shop::new();
    let local = Local::start(&shop.scene);
    let (code, findings) = check(&local, &shop, &shop.server.key());
    let verdict = |findings: &[Value], name: &str| {
        let found = findings.iter().find(|finding| finding["check"] == name);
        found.map(|finding| finding["verdict"].clone()).unwrap_or_default()
    };
    for name in ["settings", "colony", "key", "broker", "clock", "grant", "record", "encoding", "stripe", "rights"] {
        assert_eq!(verdict(&findings, name), "good", "{name}: {findings:?}");
    }
    assert_eq!((code, findings.iter().filter(|finding| finding["check"] == "rights").count()), (0, 7));

    shop.server.deny("customers");
    let (code, findings) = check(&local, &shop, &shop.server.key());
    assert_eq!((code, verdict(&findings, "rights")), (1, json!("bad")));
    assert!(findings.iter().any(|finding| finding["words"].to_string().contains("Customers: Read")), "{findings:?}");

    let (code, findings) = check(&local, &shop, "sk_test_wrong");
    assert_eq!(code, 1);
    let told = findings.iter().map(Value::to_string).collect::<String>();
    assert!(told.contains("does not accept the key") && told.contains("may do everything"), "{told}");
}

#[test]
fn the_function_repairs_the_record_of_a_colony_and_its_signed_result_has_the_report() {
    let shop = Shop::new();
    let stderr = std::fs::File::create(shop.scene.path("up.log")).unwrap();
    let local = Local::spawn(
        &shop.scene,
        command(&shop.scene.path("data"))
            .env("STRIPE_SECRET_KEY", shop.server.key())
            .env("APIARY_FINANCE_STRIPE_API_URL", &shop.server.url)
            .stderr(stderr),
    );
    let submit = |args: &str| {
        let function = ["process", "submit", "--type", "finance", "--function", "finance.reconcile", "--args", args];
        local.run(&[&["-o", "json"], &function[..], &["--wait"]].concat()).json()
    };
    let first = submit(r#"{"repair": true}"#);
    let report = &first["output"]["json"];
    assert_eq!(
        (&report["finished"], &report["kinds"]["subscriptions"]["repaired"]),
        (&json!(true), &json!(1)),
        "{first}"
    );
    let again = submit("{}");
    assert_eq!(again["output"]["json"]["kinds"]["subscriptions"]["same"], 1, "{again}");
    let shown = local.run(&["record", "show", "sub_1", "--json"]).json();
    assert_eq!(shown["subscriptions"][0]["status"], "active");
    local.run(&["process", "verify", first["process_id"].as_str().unwrap()]).ok();
}

#[test]
fn a_bee_without_a_grant_is_told_the_command_that_makes_one() {
    let shop = Shop::new();
    let local = Local::start(&shop.scene);
    shop.scene.new_key("stranger.pem");
    let key_file = shop.scene.path("stranger.pem").display().to_string();
    let ran = local.run(&["bee", "finance", "--check", "--key-file", &key_file]);
    assert!(
        ran.stdout.contains("grant add --colony-key") && ran.stdout.contains("--function finance.reconcile"),
        "{}",
        ran.stdout
    );
    assert_eq!(ran.code, 1);
}
