//! Tests of `apiary webhook send`: made-up events, and the answers of `apiary up`.

use apiary_tests::blocking::eventually;

use crate::local::Local;
use crate::scene::Scene;

const CREATED: &str = "customer.subscription.created";

#[test]
fn an_event_of_every_type_is_taken_and_becomes_a_process_that_succeeds() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let types = local.run(&["webhook", "send", "--list", "-o", "json"]).json();
    let types: Vec<&str> = types.as_array().unwrap().iter().map(|kind| kind.as_str().unwrap()).collect();
    assert!(types.contains(&"invoice.paid") && types.len() == 20, "{types:?}");
    for kind in &types {
        let sent = local.run(&["webhook", "send", kind, "-o", "json"]).json();
        assert_eq!((sent["status"].as_u64(), sent["outcome"].as_str()), (Some(200), Some("submitted")), "{sent}");
        assert_eq!((sent["type"].as_str(), sent["existed"].as_bool()), (Some(*kind), Some(false)), "{sent}");
    }
    eventually("all of them have succeeded", || {
        let done = local.run(&["process", "list", "--type", "finance", "--state", "succeeded", "-o", "json"]).json();
        (done.as_array().unwrap().len() == types.len()).then_some(())
    });
    let rows = local.run(&["record", "show", "--json"]).json();
    assert_eq!(rows.as_array().unwrap().len(), 1, "they belong together: {rows}");
    assert_eq!(rows[0]["status"], "canceled");
}

#[test]
fn a_field_that_is_set_is_in_the_row_and_up_says_what_became_of_the_event() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let sent = local
        .run(&["webhook", "send", CREATED, "--set", "data.object.quantity=3", "--customer", "bo", "-o", "json"])
        .json();
    let (event, process) = (sent["event"].as_str().unwrap(), sent["process_id"].as_str().unwrap());
    let row = eventually("there is a row", || {
        let rows = local.run(&["record", "show", "--customer", "cus_demo_bo", "--json"]).json();
        rows.get(0).cloned()
    });
    assert_eq!((&row["id"], row["quantity"].as_i64()), (&"sub_demo_bo".into(), Some(3)));
    let shown = local.run(&["record", "show"]).ok();
    assert!(shown.contains("sub_demo_bo") && shown.contains("active"), "{shown}");
    let line = eventually("`apiary up` tells it", || {
        let words = local.words();
        words.lines().find(|line| line.contains(event)).map(str::to_owned)
    });
    for part in ["stripe.event", CREATED, "succeeded in", process] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let ran = local.run(&["webhook", "send", "invoice.paid"]);
    assert!(ran.stderr.contains("process show") && ran.stderr.contains("record show"), "{}", ran.stderr);
}

#[test]
fn a_quiet_colony_tells_no_processes() {
    let scene = Scene::new();
    let local = Local::start_with(&scene, &["-q"]);
    let process_id = local.echo("1");
    let (_, words) = local.stop();
    assert!(!words.contains(&process_id), "{words}");
}

#[test]
fn the_same_event_sent_again_is_told_so() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let told = local.run(&["webhook", "send", CREATED, "--set", "id=evt_same", "--count", "2"]).ok();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert!(lines[0].contains("submitted as process") && lines[1].contains("there already"), "{told}");
    assert!(lines[1].contains("with what came first; a corrected event needs another id"), "{told}");
}

#[test]
fn what_is_refused_or_not_there_has_its_exit_code_and_a_hint() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let mut wrong = local.command(&["webhook", "send", CREATED]);
    let words = crate::scene::run(wrong.env("STRIPE_WEBHOOK_SECRET", "whsec_another")).fails_with(3);
    assert!(words.contains("the adapter has another secret"), "{words}");
    let words = local.run(&["webhook", "send", CREATED, "--url", "http://127.0.0.1:9"]).fails_with(4);
    assert!(words.contains("no adapter answers at http://127.0.0.1:9/webhooks/stripe"), "{words}");
    let words = local.run(&["webhook", "send", "invoice.payed"]).fails_with(2);
    assert!(words.contains("did you mean invoice.paid?"), "{words}");
    let words = local.run(&["webhook", "send", CREATED, "--set", "dta.object.quantity=3"]).fails_with(2);
    assert!(words.contains("did you mean `data`?"), "{words}");
    let elsewhere = scene.path("empty");
    let words = scene.run(&["--data", elsewhere.to_str().unwrap(), "webhook", "send", CREATED]).fails_with(2);
    assert!(words.contains("STRIPE_WEBHOOK_SECRET"), "{words}");
}

#[test]
fn a_field_with_the_name_of_a_setting_is_the_events() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    for field in ["data=null", "data={\"object\":5}"] {
        let sent = local.run(&["webhook", "send", "invoice.paid", "--set", field, "-o", "json"]).json();
        assert_eq!(sent["outcome"], "submitted", "{field}: {sent}");
    }
}

#[test]
fn a_setting_beside_a_field_is_still_a_setting() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let sets = ["--set", "webhook.listen=127.0.0.1:9", "--set", "data.object.quantity=3"];
    let words = local.run(&[&["webhook", "send", CREATED][..], &sets].concat()).fails_with(4);
    assert!(words.contains("http://127.0.0.1:9/"), "{words}");
}
