//! Tests of `apiary webhook routes`, and of routes that only settings make.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::process::{Child, Stdio};

use apiary_tests::Port;
use apiary_tests::blocking::eventually;
use serde_json::Value;

use crate::local::Local;
use crate::scene::Scene;

const ROUTES: &str = "webhook.stripe_routes=charge.refunded = echo/echo label.team=shop, payout.* = ignore";

/// The signing secret of an adapter apart.
const SECRET: &str = "whsec_of_this_test_only";

/// Returns the counts of one type, as the command shows them.
fn came(local: &Local, kind: &str) -> Option<Value> {
    let shown = local.run(&["webhook", "routes", "--json"]).json();
    shown["came"].as_array()?.iter().find(|one| one["type"] == kind).cloned()
}

#[test]
fn a_bee_of_ones_own_gets_a_type_by_one_line_and_what_goes_nowhere_is_shown() {
    let scene = Scene::new();
    let local = Local::start_with(&scene, &["--set", ROUTES]);
    let send = |kind: &str| {
        let kind = format!("type={kind}");
        local.run(&["webhook", "send", "invoice.paid", "--set", &kind, "-o", "json"]).json()
    };
    let refund = send("charge.refunded");
    assert_eq!(refund["outcome"], "submitted", "{refund}");
    let process = refund["process_id"].as_str().unwrap();
    eventually("the echo bee has done it", || {
        let shown = local.run(&["process", "show", process, "-o", "json"]).json();
        (shown["state"] == "succeeded" && shown["labels"]["team"] == "shop").then_some(())
    });
    assert_eq!(
        (&send("payout.paid")["outcome"], &send("file.created")["outcome"]),
        (&"ignored".into(), &"ignored".into())
    );
    let nowhere = eventually("the counts are written", || came(&local, "file.created"));
    assert_eq!((nowhere["events"].as_u64(), nowhere["nowhere"].as_u64()), (Some(1), Some(1)), "{nowhere}");
    assert!(nowhere["nowhere_last"].is_string(), "{nowhere}");
    let routed = came(&local, "charge.refunded").unwrap();
    assert_eq!((&routed["to"][0], routed["nowhere"].as_u64()), (&"echo/echo".into(), Some(0)), "{routed}");
    assert_eq!(came(&local, "payout.paid").unwrap()["ignored"], 1);
    let text = local.run(&["webhook", "routes", "--source", "stripe", "--set", ROUTES]).ok();
    for words in [
        "charge.refunded",
        "echo/echo",
        "(ignored)",
        "invoice.*",
        "finance/stripe.event",
        "webhook.stripe_routes 1",
        "built in",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let log = local.words();
    assert!(log.contains("no route for this type") && log.contains("`file.created = EXECUTOR_TYPE/FUNCTION`"), "{log}");
    let doctor = local.run(&["doctor"]).ok();
    assert!(doctor.contains("file.created of stripe (1)"), "{doctor}");
}

/// An `apiary webhook` of its own beside a local colony, whose key may submit for the finance bee only; killed when dropped.
struct Apart {
    child: Child,
    address: String,
    _port: Port,
}

impl Apart {
    fn start(scene: &Scene, local: &Local) -> Self {
        let id = scene.new_key("adapter.pem");
        let colony = scene.path("data/keys/colony.pem");
        let grant = ["grant", "add", "--colony-key", colony.to_str().unwrap(), "--key", &id, "--role", "user"];
        let scopes = ["--name", "apart", "--function", "stripe.event", "--executor-type", "finance"];
        local.run(&[&grant[..], &scopes].concat()).ok();
        let port = Port::take();
        let address = port.address().to_string();
        let arguments = ["webhook", "--listen", &address, "--set", ROUTES, "--set", "webhook.spool=apart"];
        let (broker, key) = (local.announced["broker"].as_str().unwrap(), scene.path("adapter.pem"));
        let to = ["--broker", broker, "--colony", local.announced["colony"].as_str().unwrap(), "--key-file"];
        let mut command = scene.process(&[&arguments[..], &to, &[key.to_str().unwrap()]].concat());
        let log = std::fs::File::create(scene.path("apart.log")).unwrap();
        // Nobody listens there: what rows may ask for is examined all the same.
        command.env("APIARY_WEBHOOK_OUTBOX_DATABASE_URL", "postgres://nobody@127.0.0.1:9/nowhere");
        command.env("APIARY_WEBHOOK_OUTBOX_FUNCTIONS", "finance/stripe.event, mailer/mail.*");
        command.env("STRIPE_WEBHOOK_SECRET", SECRET).stderr(log).stdout(Stdio::null());
        Self { child: command.spawn().unwrap(), address, _port: port }
    }

    /// Sends an event of this type, once the adapter answers; returns what it said.
    fn send(&self, scene: &Scene, kind: &str) -> Value {
        let (kind, url) = (format!("type={kind}"), format!("http://{}/webhooks/stripe", self.address));
        let arguments = ["webhook", "send", "invoice.paid", "--set", &kind, "--url", &url, "-o", "json"];
        eventually("the adapter answers", || {
            let ran = scene.run_with(&[("STRIPE_WEBHOOK_SECRET", SECRET)], &arguments);
            serde_json::from_str(&ran.stdout).ok()
        })
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_route_that_no_grant_covers_is_told_and_holds_up_no_other() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let apart = Apart::start(&scene, &local);
    assert_eq!(apart.send(&scene, "charge.refunded")["outcome"], "spooled");
    let listed = eventually("it is set aside", || {
        let listed = local.run(&["spool", "list", "--set", "webhook.spool=apart", "-o", "json"]).json();
        listed.get(0).cloned()
    });
    assert_eq!(listed["reason"], "NOT_PERMITTED", "{listed}");
    eventually("others go on", || (apart.send(&scene, "invoice.paid")["outcome"] == "submitted").then_some(()));
    let listen = format!("webhook.listen={}", apart.address);
    eventually("the doctor tells of the route", || {
        local.run(&["doctor", "--set", &listen]).stdout.contains("ROUTE_NOT_GRANTED").then_some(())
    });
    let log = eventually("the log tells of what rows may ask for", || {
        Some(scene.read("apart.log")).filter(|log| log.contains("covers mailer/mail.* of `webhook.outbox_functions`"))
    });
    assert!(!log.contains("stripe.event of `webhook.outbox_functions`"), "that is granted: {log}");
    let secret = [("STRIPE_WEBHOOK_SECRET", SECRET)];
    let doctor = crate::scene::run(local.command(&["doctor", "--set", ROUTES]).envs(secret));
    assert!(
        !doctor.stdout.contains("no grant covers these routes of webhooks"),
        "the operator's own covers all: {}",
        doctor.stdout
    );
}

#[test]
fn the_table_is_shown_without_an_adapter_and_what_is_missing_is_said() {
    let scene = Scene::new();
    // No adapter of another test has this port, unlike the one by default.
    let nobody = ["--set", "webhook.listen=127.0.0.1:1"];
    let ran = scene.run(&[&["webhook", "routes"], &nobody[..]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("built in, closed: no secret") && ran.stdout.contains("ping"), "{}", ran.stdout);
    assert!(
        ran.stderr.contains("no adapter has counted anything") && ran.stderr.contains("webhook.spool"),
        "{}",
        ran.stderr
    );
    let json = scene.run(&[&["webhook", "routes", "--json"], &nobody[..]].concat()).json();
    assert_eq!((&json["came"], &json["adapter_answers"]), (&Value::Null, &false.into()), "{json}");
}

#[test]
fn a_line_that_takes_a_type_from_the_finance_bee_is_told() {
    let scene = Scene::new();
    for (line, is_told) in [("charge.refunded = refunds/note", true), ("charge.refunded = also refunds/note", false)] {
        let ran = scene.run_with(&[("APIARY_WEBHOOK_STRIPE_ROUTES", line)], &["webhook", "routes"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(ran.stderr.contains("the finance bee does not get `charge.refunded`"), is_told, "{}", ran.stderr);
    }
}

#[test]
fn a_line_that_cannot_be_used_is_named_before_anything_starts() {
    let scene = Scene::new();
    let secret = ("STRIPE_WEBHOOK_SECRET", SECRET);
    for arguments in [&["webhook"][..], &["webhook", "routes"], &["up"]] {
        let variables = [secret, ("APIARY_WEBHOOK_STRIPE_ROUTES", "a = x/y, a.b = finance")];
        let told = scene.run_with(&variables, arguments).fails_with(2);
        assert!(told.contains("`webhook.stripe_routes` has an invalid entry 2"), "{arguments:?}: {told}");
    }
}
