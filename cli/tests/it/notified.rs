//! Notifications of each kind that a small team must not miss, each once, with its remedy and its end; and targets that fail, which slow
//! nothing down.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::time::{Duration, Instant};

use apiary_tests::Port;
use apiary_tests::blocking::eventually;

use crate::local::{Local, command};
use crate::notify::{Part, Places};
use crate::receivers::Fault;
use crate::scene::Scene;

/// Starts `apiary up` with these targets and variables.
fn up(scene: &Scene, places: &Places, more: &[(&str, &str)]) -> Local {
    let log = std::fs::File::options().create(true).append(true).open(scene.path("up.log")).unwrap();
    let mut command = command(&scene.path("data"));
    command.envs(places.variables()).envs(more.iter().copied()).stderr(log);
    Local::spawn(scene, &mut command)
}

#[test]
fn a_dead_letter_a_waiting_payment_a_silent_bee_and_an_ending_key_are_told_once_with_the_remedy_and_their_end() {
    let (scene, places, nowhere) = (Scene::new(), Places::open(), Port::take());
    let supabase = format!("http://{}", nowhere.address());
    let local = up(
        &scene,
        &places,
        &[
            ("APIARY_BROKER_EXECUTOR_SILENT_AFTER_SECONDS", "2"),
            ("APIARY_BROKER_EXECUTOR_GONE_AFTER_SECONDS", "3600"),
            ("APIARY_NOTIFY_EXECUTOR_SILENT_AFTER_SECONDS", "3"),
            ("APIARY_FINANCE_RECORD", "supabase"),
            ("SUPABASE_URL", &supabase),
            ("SUPABASE_SERVICE_ROLE_KEY", "only-for-this-test"),
        ],
    );
    let key = scene.new_key("hand.pem");
    let grant = |days: &str| {
        let owner = ["grant", "add", "--colony-key", "data/keys/colony.pem", "--key", &key, "--role", "executor"];
        let rest = ["--name", "by-hand", "--function", "*", "--executor-type", "hand", "--valid-days", days];
        local.run(&[&owner[..], &rest].concat()).ok();
    };
    let by_hand = |arguments: &[&str]| local.run(&[&["--key-file", "hand.pem"][..], arguments].concat());
    let claim = ["lease", "claim", "--type", "hand", "--name", "by-hand", "--wait"];
    grant("5");
    let submit = ["process", "submit", "--type", "hand", "--function", "print"];
    let dead = local.run(&submit).ok().trim().to_owned();
    scene.write("lease.json", &by_hand(&[&claim[..], &["10s"]].concat()).ok());
    by_hand(&["lease", "fail", "--lease", "lease.json", "--final", "--message", "no such page"]).ok();
    let sent = local.run(&["webhook", "send", "invoice.paid", "-o", "json"]).json();
    let payment = sent["process_id"].as_str().unwrap().to_owned();

    let kinds: [(&[&str], &str); 4] = [
        (&["GRANTS_END (by-hand) in colony `local`"], "apiary grant add"),
        (&["DEAD_LETTERS in colony `local`", &dead, "no such page"], "then redrive or discard"),
        (&["WAITS_ON_SURROUNDINGS (record-unavailable)", &payment], "nothing is lost"),
        (&["EXECUTOR_SILENT (by-hand)"], "start it again, or see its log"),
    ];
    for (words, remedy) in kinds {
        let words = [&["OPEN"][..], words].concat();
        eventually(&format!("{words:?} is told"), || (places.count(&words) == 1).then_some(()));
        assert_eq!(
            places.count(&[&words[..], &[remedy]].concat()),
            1,
            "{words:?} without {remedy}: {:?}",
            places.slack()
        );
    }
    let ran = local.run(&["status", "--monitor"]);
    assert_eq!((ran.code, ran.stdout.starts_with("APIARY CRITICAL - ")), (2, true), "{}", ran.stdout);
    places.wait_for_rounds();
    for (words, _) in kinds {
        assert_eq!(places.count(&[&["OPEN"][..], words].concat()), 1, "{words:?}: {:?}", places.slack());
    }

    grant("90");
    local.run(&["process", "discard", &dead]).ok();
    local.run(&["process", "cancel", &payment]).ok();
    // While it waits for work it is heard.
    assert_eq!(by_hand(&[&claim[..], &["5s"]].concat()).code, 8);
    for kind in ["GRANTS_END (by-hand)", "DEAD_LETTERS", "WAITS_ON_SURROUNDINGS", "EXECUTOR_SILENT (by-hand)"] {
        eventually(&format!("{kind} is over"), || (places.count(&["RESOLVED", kind]) == 1).then_some(()));
    }
}

#[test]
fn a_stuck_spool_is_told_by_the_adapter_and_its_end_once_the_broker_is_back() {
    let (scene, places, broker, webhook) = (Scene::new(), Places::open(), Port::take(), Port::take());
    let (owner, colony, adapter) =
        (scene.new_key("owner.pem"), scene.new_key("colony.pem"), scene.new_key("adapter.pem"));
    let (listen, door) = (broker.address().to_string(), webhook.address().to_string());
    let address = format!("http://{listen}");
    let start_broker = || {
        let settings = [("APIARY_DATABASE_URL", "sqlite:broker.db"), ("APIARY_BROKER_SERVER_OWNER", &owner)];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Part::start(&scene, &settings, &["broker", "--listen", &listen])
    };
    let mut variables = places.variables();
    for (name, value) in [
        ("APIARY_BROKER", address.as_str()),
        ("APIARY_COLONY", &colony),
        ("APIARY_KEY_FILE", "adapter.pem"),
        ("APIARY_WEBHOOK_LISTEN", &door),
        ("APIARY_WEBHOOK_SPOOL_EVENTS_MAX", "1"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_0123456789abcdefghijklmnopqrstuv"),
    ] {
        variables.push((name.to_owned(), value.to_owned()));
    }
    let settings: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let first = start_broker();
    scene.run_with(&settings, &["doctor", "--only", "broker", "--wait", "30s"]).ok();
    scene.run_with(&settings, &["colony", "create", "shop", "--id", &colony, "--key-file", "owner.pem"]).ok();
    let grant = [
        &["grant", "add", "--colony-key", "colony.pem", "--key", &adapter, "--role", "user", "--name", "adapter"][..],
        &["--function", "stripe.event", "--executor-type", "finance"],
    ];
    scene.run_with(&settings, &grant.concat()).ok();
    drop(first);

    let _webhook = Part::start(&scene, &variables, &["webhook"]);
    let url = format!("http://{door}/webhooks/stripe");
    let send = ["webhook", "send", "invoice.paid", "--url", &url, "-o", "json"];
    let sent = eventually("the adapter takes an event", || {
        let ran = scene.run_with(&settings, &send);
        (ran.code == 0).then(|| ran.json())
    });
    assert_eq!(sent["outcome"], "spooled", "{sent}");
    for (kind, remedy) in [("BROKER_AWAY", "start the broker"), ("SPOOL_FULL", "make room on its disk")] {
        eventually(&format!("{kind} is told"), || (places.count(&["OPEN", kind, remedy]) == 1).then_some(()));
    }
    let pings = places.pings();
    let _broker = start_broker();
    for kind in ["BROKER_AWAY", "SPOOL_FULL"] {
        eventually(&format!("{kind} is over"), || (places.count(&["RESOLVED", kind]) == 1).then_some(()));
        assert_eq!(places.count(&["OPEN", kind]), 1, "{:?}", places.slack());
    }
    eventually("it pings again", || (places.pings() > pings).then_some(()));
}

#[test]
fn targets_that_hang_limit_and_refuse_keep_nothing_from_the_others_nor_from_the_part() {
    let (scene, places) = (Scene::new(), Places::open());
    places.http.fail_next("/slack/hidden-token", &[Fault::Hangs]);
    places.http.fail_next("/discord/hidden-token", &[Fault::Limited(3)]);
    // Nobody answers there: mail fails for good.
    let nowhere = Port::take();
    let dead_mail = format!("smtp://ops:hidden-password@{}", nowhere.address());
    let local = up(&scene, &places, &[("APIARY_NOTIFY_SMTP_URL", &dead_mail)]);
    local.run(&["pause", "add", "executor-type", "echo2"]).ok();
    let has = |path: &str, words: &str| places.http.bodies(path).iter().any(|body| body.contains(words)).then_some(());
    eventually("the webhook gets it", || has("/webhook", "PAUSED"));
    let limited = Instant::now();
    assert_eq!(places.http.hanging(), 1, "Slack has not answered");
    let begun = Instant::now();
    local.echo("1");
    assert!(begun.elapsed() < Duration::from_secs(10), "the part works on: {:?}", begun.elapsed());
    eventually("Discord gets it later", || has("/discord/hidden-token", "PAUSED"));
    assert!(limited.elapsed() >= Duration::from_secs(1), "it asked for three seconds");
    // Each failure is told to those that work, without its secrets.
    for target in ["smtp", "slack"] {
        eventually(&format!("the failure of {target} is told"), || {
            let bodies = places.http.bodies("/webhook");
            let is_told =
                |body: &String| body.contains("NOTIFY_FAILED") && body.contains(&format!("{target} takes no"));
            bodies.iter().any(is_told).then_some(())
        });
    }
    eventually("Slack gets it after all", || (places.count(&["OPEN", "PAUSED (echo2)"]) == 1).then_some(()));
    let listed = local.run(&["notify", "list"]).ok();
    assert!(
        listed.contains("NOTIFY_FAILED") && listed.contains("waits for smtp") || listed.contains("wait for smtp"),
        "{listed}"
    );
    places.http.fail_next("/slack/hidden-token", &[Fault::Hangs, Fault::Hangs]);
    local.run(&["pause", "remove", "executor-type", "echo2"]).ok();
    eventually("Slack hangs again", || (places.http.hanging() >= 2).then_some(()));
    let begun = Instant::now();
    let (code, log) = local.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(begun.elapsed() < Duration::from_secs(15), "the end waits for no target: {:?}", begun.elapsed());
    for secret in ["hidden-token", "hidden-password", "QUFB"] {
        let state = std::fs::read_to_string(scene.path("data/notify-up.json")).unwrap();
        for text in [&log, &listed, &state, &places.http.bodies("/webhook").concat()] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}
