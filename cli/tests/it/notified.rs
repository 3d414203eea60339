//! Notifications of each kind that a small team must not miss, each once, with its remedy and its end; and targets that fail, which slow
//! nothing down.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::time::{Duration, Instant};

use apiary_tests::Port;
use apiary_tests::blocking::eventually;

use crate::local::{Local, command};
use crate::notify::{Part, Places};
use crate::receivers::Fault;
use crate::scene::{Ran, Scene};

/// Starts `apiary up` with these targets and variables.
fn up(scene: &Scene, places: &Places, more: &[(&str, &str)]) -> Local {
    let log = std::fs::File::options().create(true).append(true).open(scene.path("up.log")).unwrap();
    let mut command = command(&scene.path("data"));
    command.envs(places.variables()).envs(more.iter().copied()).stderr(log);
    Local::spawn(scene, &mut command)
}

#[test]
fn a_dead_letter_a_silent_bee_and_an_ending_key_are_told_once_with_the_remedy_and_their_end() {
    let (scene, places) = (Scene::new(), Places::open());
    let local = up(
        &scene,
        &places,
        &[
            ("APIARY_BROKER_EXECUTOR_SILENT_AFTER_SECONDS", "2"),
            ("APIARY_BROKER_EXECUTOR_GONE_AFTER_SECONDS", "3600"),
            ("APIARY_NOTIFY_EXECUTOR_SILENT_AFTER_SECONDS", "3"),
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

    let kinds: [(&[&str], &str); 3] = [
        (&["GRANTS_END (by-hand) in colony `local`"], "apiary grant add"),
        (&["DEAD_LETTERS in colony `local`", &dead, "no such page"], "then redrive or discard"),
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
    // While it waits for work it is heard.
    assert_eq!(by_hand(&[&claim[..], &["5s"]].concat()).code, 8);
    for kind in ["GRANTS_END (by-hand)", "DEAD_LETTERS", "EXECUTOR_SILENT (by-hand)"] {
        eventually(&format!("{kind} is over"), || (places.count(&["RESOLVED", kind]) == 1).then_some(()));
    }
}

/// Settings that keep a part from Slack and from pinging.
const SILENT: [(&str, &str); 2] = [("APIARY_NOTIFY_SLACK_URL", ""), ("APIARY_NOTIFY_PING_URL", "")];

/// A broker, an adapter and a finance bee, each a process of its own, with keys and settings for all.
struct Shop {
    scene: Scene,
    settings: Vec<(String, String)>,
}

impl Shop {
    /// Makes keys, a broker's database with the colony, and its grants; nothing runs afterwards.
    fn new(places: &Places, broker: &str, door: &str) -> Self {
        let scene = Scene::new();
        let (owner, colony) = (scene.new_key("owner.pem"), scene.new_key("colony.pem"));
        let (adapter, bee) = (scene.new_key("adapter.pem"), scene.new_key("bee.pem"));
        let address = format!("http://{broker}");
        let mut settings = places.variables();
        for (name, value) in [
            ("APIARY_BROKER", address.as_str()),
            ("APIARY_BROKER_LISTEN", broker),
            ("APIARY_BROKER_SERVER_OWNER", &owner),
            ("APIARY_DATABASE_URL", "sqlite:broker.db"),
            ("APIARY_COLONY", &colony),
            ("APIARY_KEY_FILE", "adapter.pem"),
            ("APIARY_WEBHOOK_LISTEN", door),
            ("APIARY_WEBHOOK_SPOOL_EVENTS_MAX", "1"),
            ("STRIPE_WEBHOOK_SECRET", "whsec_0123456789abcdefghijklmnopqrstuv"),
        ] {
            settings.push((name.to_owned(), value.to_owned()));
        }
        let shop = Self { scene, settings };
        let _broker = shop.start(&["broker"], &SILENT);
        shop.run(&["doctor", "--only", "broker", "--wait", "30s"]).ok();
        shop.run(&["colony", "create", "shop", "--id", &colony, "--key-file", "owner.pem"]).ok();
        for (key, role, name) in [(&adapter, "user", "adapter"), (&bee, "executor", "finance")] {
            let of = ["grant", "add", "--colony-key", "colony.pem", "--key", key, "--role", role, "--name", name];
            shop.run(&[&of[..], &["--function", "stripe.event", "--executor-type", "finance"]].concat()).ok();
        }
        shop
    }

    fn start(&self, part: &[&str], more: &[(&str, &str)]) -> Part {
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings: Vec<(String, String)> = self.settings.iter().cloned().chain(more).collect();
        Part::start(&self.scene, &settings, part)
    }

    /// Starts the finance bee, whose state of record nobody serves.
    fn start_bee(&self, nowhere: &Port) -> Part {
        let supabase = format!("http://{}", nowhere.address());
        let settings = [
            ("APIARY_KEY_FILE", "bee.pem"),
            ("APIARY_FINANCE_RECORD", "supabase"),
            ("SUPABASE_URL", &supabase),
            ("SUPABASE_SERVICE_ROLE_KEY", "only-for-this-test"),
        ];
        self.start(&["bee", "finance"], &settings)
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let settings: Vec<_> = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.scene.run_with(&settings, arguments)
    }
}

#[test]
fn a_stuck_spool_is_told_by_the_adapter_and_a_waiting_payment_by_the_broker_each_with_its_end() {
    let (places, ports, nowhere) = (Places::open(), [Port::take(), Port::take()], Port::take());
    let [listen, door] = ports.each_ref().map(|port| port.address().to_string());
    let shop = Shop::new(&places, &listen, &door);
    let _webhook = shop.start(&["webhook"], &[]);
    let url = format!("http://{door}/webhooks/stripe");
    let send = ["webhook", "send", "invoice.paid", "--url", &url, "-o", "json"];
    let sent = eventually("the adapter takes an event", || {
        let ran = shop.run(&send);
        (ran.code == 0).then(|| ran.json())
    });
    assert_eq!(sent["outcome"], "spooled", "{sent}");
    assert_ne!(shop.run(&send).code, 0, "there is room for one");
    for (kind, remedy) in [("BROKER_AWAY", "start the broker"), ("SPOOL_FULL", "make room on its disk")] {
        eventually(&format!("{kind} is told"), || (places.count(&["OPEN", kind, remedy]) == 1).then_some(()));
    }

    let _broker = shop.start(&["broker"], &[]);
    for kind in ["BROKER_AWAY", "SPOOL_FULL"] {
        eventually(&format!("{kind} is over"), || (places.count(&["RESOLVED", kind]) == 1).then_some(()));
        assert_eq!(places.count(&["OPEN", kind]), 1, "{:?}", places.slack());
    }

    let _bee = shop.start_bee(&nowhere);
    let waits = "WAITS_ON_SURROUNDINGS (record-unavailable) in colony `shop`";
    let remedy = "nothing is lost, and they go on by themselves once that is mended";
    eventually("the payment is told", || (places.count(&["OPEN", waits, remedy]) == 1).then_some(()));
    let waiting = shop.run(&["process", "list", "--key-file", "colony.pem", "-o", "json"]).json();
    let process = waiting[0]["process_id"].as_str().unwrap();
    assert_eq!(places.count(&["OPEN", waits, process]), 1, "{:?}", places.slack());
    shop.run(&["process", "cancel", process, "--key-file", "colony.pem"]).ok();
    eventually("it waits no longer", || (places.count(&["RESOLVED", waits]) == 1).then_some(()));
}

#[test]
fn the_ping_of_a_bee_without_a_broker_stops_and_comes_back_with_it() {
    let (places, ports, nowhere) = (Places::open(), [Port::take(), Port::take()], Port::take());
    let [listen, door] = ports.each_ref().map(|port| port.address().to_string());
    let shop = Shop::new(&places, &listen, &door);
    let _bee = shop.start_bee(&nowhere);
    eventually("the bee reports it", || {
        places.slack().iter().any(|text| text.starts_with("[apiary bee finance] BROKER_AWAY")).then_some(())
    });
    assert_eq!(places.pings(), 0, "a bee without a broker is not well");
    let _broker = shop.start(&["broker"], &SILENT);
    eventually("it is well again", || (places.pings() > 0).then_some(()));
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
    eventually("Slack does not answer", || (places.http.hanging() == 1).then_some(()));
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
