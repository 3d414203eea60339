//! Tests of `apiary spool`: set-aside events, handled as by an operator, with and without a running adapter.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use apiary_tests::blocking::eventually;
use apiary_tests::{Disk, Fault};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use crate::local::Local;
use crate::scene::{Ran, Scene};

const NAMES: [&str; 3] = ["stripe:live::evt_1", "stripe:live::evt_2", "stripe:test::evt_3"];

/// A webhook adapter whose broker is unreachable; killed on drop.
struct Adapter(Child);

impl Adapter {
    fn start(scene: &Scene, spool: &Path) -> Self {
        let colony = scene.new_key("adapter.pem");
        let mut command = scene.process(&["webhook", "--listen", "127.0.0.1:0"]);
        command.env("APIARY_COLONY", colony).env("APIARY_KEY_FILE", "adapter.pem");
        command.env("APIARY_BROKER", "http://127.0.0.1:9").env("STRIPE_WEBHOOK_SECRET", "whsec_for_this_test_only");
        command.env("APIARY_WEBHOOK_SPOOL", spool);
        let log = std::fs::File::create(scene.path("webhook.log")).unwrap();
        let adapter = Self(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        eventually("it is ready", || scene.read("webhook.log").contains("ready: webhooks on").then_some(()));
        adapter
    }

    fn address(scene: &Scene) -> String {
        let log = scene.read("webhook.log");
        let address = log.split("webhooks on http://").nth(1).unwrap().split('/').next();
        address.unwrap().to_owned()
    }

    /// Sends an event, which goes to the spool.
    fn send(scene: &Scene, field: &str) {
        let address = Self::address(scene);
        let variables = [("APIARY_WEBHOOK_LISTEN", &*address), ("STRIPE_WEBHOOK_SECRET", "whsec_for_this_test_only")];
        let arguments = ["webhook", "send", "invoice.paid", "--set", field, "-o", "json"];
        assert_eq!(scene.run_with(&variables, &arguments).json()["outcome"], "spooled");
    }

    /// Returns the adapter's health page.
    fn health(scene: &Scene) -> Value {
        let page = format!("http://{}/healthz", Self::address(scene));
        runtime().block_on(async { apiary_tests::http().get(page).send().await.unwrap().json().await.unwrap() })
    }

    fn stop(mut self) {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), Signal::SIGTERM).unwrap();
        assert_eq!(eventually("it ends", || self.0.try_wait().unwrap()).code(), Some(0));
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs statements on a spool's file, as a second program does.
fn sql(spool: &Path, statements: &[&'static str]) {
    let file = SqliteConnectOptions::new().filename(spool.join("spool.sqlite"));
    runtime().block_on(async {
        let mut connection = SqliteConnection::connect_with(&file).await.unwrap();
        for statement in statements {
            sqlx::query(*statement).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
    });
}

/// Statements by which the adapter sets three rejected events aside.
const REFUSED: [&str; 3] = [
    "INSERT INTO set_aside (idempotency_key, received_ms, refused_ms, reason, message, spec) VALUES \
     ('stripe:live::evt_1', 1764000000000, 1764000001000, 'ARGS_REFUSED', 'the field `amount` is no number', CAST('{\"a\": 1}' AS BLOB))",
    "INSERT INTO set_aside (idempotency_key, received_ms, refused_ms, reason, message, spec) VALUES \
     ('stripe:live::evt_2', 1764000002000, 1764000003000, 'TOO_LARGE', 'too large', CAST('{\"a\": 2}' AS BLOB))",
    "INSERT INTO set_aside (idempotency_key, received_ms, refused_ms, reason, message, spec) VALUES \
     ('stripe:test::evt_3', 1764000004000, 1764000005000, 'ARGS_REFUSED', 'the field `amount` is no number', CAST('{\"a\": 3}' AS BLOB))",
];

/// Creates a spool with three set-aside events and a stopped adapter.
fn stopped(scene: &Scene, spool: &Path) {
    Adapter::start(scene, spool).stop();
    sql(spool, &REFUSED);
}

struct Spool<'s> {
    scene: &'s Scene,
    folder: PathBuf,
}

impl Spool<'_> {
    fn run(&self, arguments: &[&str]) -> Ran {
        let folder = self.folder.to_str().unwrap();
        self.scene.run_with(&[("APIARY_WEBHOOK_SPOOL", folder)], &[&["spool"], arguments].concat())
    }

    fn names(&self, arguments: &[&str]) -> Vec<String> {
        let listed = self.run(&[&["list", "--state", "set_aside", "-o", "json"], arguments].concat()).json();
        listed.as_array().unwrap().iter().map(|one| one["event"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn refused_events_are_listed_shown_retried_and_deleted_while_no_adapter_runs() {
    let scene = Scene::new();
    let spool = Spool { scene: &scene, folder: scene.path("spool") };
    stopped(&scene, &spool.folder);
    assert_eq!(spool.names(&[]), NAMES);
    assert_eq!(spool.names(&["--reason", "ARGS_REFUSED"]), [NAMES[0], NAMES[2]]);
    assert_eq!(spool.names(&["--event", ":test:"]), [NAMES[2]]);
    assert_eq!(spool.names(&["--event", "%"]), [""; 0], "a part is taken as it stands");
    let text = spool.run(&["list"]).ok();
    for words in ["EVENT", NAMES[0], "ARGS_REFUSED", "2025-11-24T16:00:00Z", "`amount` is no number"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let shown = spool.run(&["show", NAMES[0], "-o", "json"]).json();
    let mut wanted = json!({
        "event": NAMES[0], "state": "set_aside", "type": null, "bytes": 8, "reason": "ARGS_REFUSED",
        "message": "the field `amount` is no number",
        "received_at": "2025-11-24T16:00:00Z", "refused_at": "2025-11-24T16:00:01Z",
    });
    assert_eq!(shown, wanted, "without its contents");
    wanted["spec"] = json!({ "a": 1 });
    assert_eq!(spool.run(&["show", NAMES[0], "--payload", "-o", "json"]).json(), wanted);
    let text = spool.run(&["show", NAMES[1]]).ok();
    assert!(text.contains("TOO_LARGE") && text.contains("--payload") && !text.contains(r#"{"a": 2}"#), "{text}");
    let text = spool.run(&["show", NAMES[1], "--payload"]).ok();
    assert!(text.contains(r#"{"a": 2}"#), "{text}");

    assert_eq!(spool.run(&["delete", NAMES[1], "-o", "json"]).json(), json!({ "events": [NAMES[1]] }));
    assert_eq!(spool.run(&["retry", NAMES[0]]).ok().trim(), format!("returned to the line: {}", NAMES[0]));
    assert_eq!(spool.names(&[]), [NAMES[2]]);
    assert_eq!(spool.run(&["retry", "--all"]).ok().trim(), format!("returned to the line: {}", NAMES[2]));
    assert_eq!(spool.run(&["retry", "--all"]).ok().trim(), "nothing is set aside");
    assert_eq!(spool.run(&["list", "--state", "set_aside"]).ok().trim(), "no such event is in the spool");
    assert_eq!(spool.run(&["list", "--state", "set_aside", "-o", "json"]).ok().trim(), "[]");
    let waiting = spool.run(&["list", "--state", "waiting", "-o", "json"]).json();
    assert_eq!(waiting.as_array().unwrap().len(), 2, "what was retried waits: {waiting}");
    let words = spool.run(&["retry", NAMES[0]]).fails_with(5);
    assert!(words.contains("it waits in the line"), "{words}");
}

#[test]
fn events_that_wait_are_found_by_id_type_and_age_and_their_place_is_told() {
    let scene = Scene::new();
    let spool = Spool { scene: &scene, folder: scene.path("spool") };
    let adapter = Adapter::start(&scene, &spool.folder);
    for id in ["id=evt_1", "id=evt_2"] {
        Adapter::send(&scene, id);
    }
    let listed = |arguments: &[&str]| {
        let listed = spool.run(&[&["list", "-o", "json"], arguments].concat()).json();
        listed.as_array().unwrap().clone()
    };
    let all = listed(&[]);
    assert_eq!(all.len(), 2);
    assert_eq!((&all[0]["state"], &all[0]["type"]), (&json!("waiting"), &json!("invoice.paid")), "{all:?}");
    for (arguments, count) in [
        (&["--event", "evt_2"][..], 1),
        (&["--type", "invoice.paid"], 2),
        (&["--type", "invoice"], 0),
        (&["--since", "1h"], 2),
        (&["--until", "1h"], 0),
        (&["--state", "set_aside"], 0),
    ] {
        assert_eq!(listed(arguments).len(), count, "{arguments:?}");
    }
    let shown = spool.run(&["show", "evt_2"]).ok();
    assert!(shown.contains("waiting") && shown.contains("invoice.paid") && shown.contains("--payload"), "{shown}");
    assert!(!shown.contains("customer"), "contents are hidden: {shown}");
    let spec = spool.run(&["show", "evt_2", "--payload", "-o", "json"]).json()["spec"].clone();
    assert_eq!(spec["labels"]["stripe_event"], "evt_2");
    let words = spool.run(&["delete", "evt_2"]).fails_with(5);
    assert!(words.contains("it waits in the line"), "{words}");
    let words = spool.run(&["show", "evt_9999999"]).fails_with(5);
    assert!(words.contains("no event `evt_9999999` is in the spool") && words.contains("webhook where"), "{words}");

    let folder = spool.folder.to_str().unwrap();
    let missing = scene.path("finance.db").display().to_string();
    let colony = scene.new_key("someone.pem");
    let variables = [
        ("APIARY_WEBHOOK_SPOOL", folder),
        ("APIARY_FINANCE_SQLITE", &*missing),
        ("APIARY_COLONY", &*colony),
        ("APIARY_KEY_FILE", "someone.pem"),
        ("APIARY_BROKER", "http://127.0.0.1:9"),
    ];
    let place = scene.run_with(&variables, &["webhook", "where", "evt_2"]).ok();
    for words in ["spool", "evt_2 waits for the broker since", "broker", "not asked", "no state of record at"] {
        assert!(place.contains(words), "{words}: {place}");
    }
    let words = scene.run_with(&variables, &["webhook", "where", "evt_"]).fails_with(1);
    assert!(words.contains("`evt_` was not found, but"), "a part is no id: {words}");
    let words = scene.run_with(&variables, &["webhook", "where", "evt_9"]).fails_with(1);
    assert!(words.contains("the broker and the state of record could not be asked"), "{words}");
    adapter.stop();
}

#[test]
fn an_event_that_went_its_way_is_found_as_a_process_and_in_the_record() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    local.run(&["webhook", "send", "invoice.paid", "--set", "id=evt_1"]).ok();
    let place = eventually("it is applied", || {
        let place = local.run(&["webhook", "where", "evt_1", "--json"]).json();
        (place["record"]["found"][0]["outcome"] == "applied").then_some(place)
    });
    assert_eq!(place["spool"], json!({ "found": [] }));
    assert_eq!(place["broker"]["found"][0]["function"], "stripe.event", "{place}");
    let recorded = &place["record"]["found"][0];
    assert!(recorded.get("payload").is_none() && recorded["livemode"] == json!(false), "{place}");
    let text = local.run(&["webhook", "where", "stripe:test::evt_1"]).ok();
    for words in ["not there", "stripe.event for finance", "applied to invoice"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let words = local.run(&["webhook", "where", "stripe:live::evt_1"]).fails_with(5);
    assert!(words.contains("no place has `stripe:live::evt_1`"), "it came in test mode: {words}");
    assert_eq!(local.run(&["webhook", "where", ""]).code, 2);
    let words = local.run(&["webhook", "where", "evt_9"]).fails_with(5);
    assert!(words.contains("no place has `evt_9`") && words.contains("webhook routes"), "{words}");
}

#[test]
fn a_running_adapter_notices_although_its_broker_is_away() {
    let scene = Scene::new();
    let spool = Spool { scene: &scene, folder: scene.path("spool") };
    let adapter = Adapter::start(&scene, &spool.folder);
    for id in ["id=evt_1", "id=evt_2", "id=evt_3"] {
        Adapter::send(&scene, id);
    }
    let counts = || {
        let health = Adapter::health(&scene);
        [&health["spool"]["events"], &health["spool"]["set_aside"]].map(|number| number.as_u64().unwrap())
    };
    assert_eq!(counts(), [3, 0]);
    // As if the broker had been reachable for a moment, and had rejected the events. From now on the adapter's pauses
    // grow.
    sql(
        &spool.folder,
        &[
            "INSERT INTO set_aside (idempotency_key, received_ms, refused_ms, reason, message, spec) \
             SELECT idempotency_key, received_ms, received_ms, 'ARGS_REFUSED', 'no', spec FROM waiting",
            "DELETE FROM waiting",
        ],
    );
    eventually("it counts them", || (counts() == [0, 3]).then_some(()));
    let names = spool.names(&[]);
    spool.run(&["retry", &names[0]]).ok();
    eventually("one waits in line", || (counts() == [1, 2]).then_some(()));
    eventually("it says so", || Adapter::health(&scene).to_string().contains("BROKER_AWAY").then_some(()));
    spool.run(&["delete", &names[1]]).ok();
    spool.run(&["retry", &names[2]]).ok();
    eventually("both changes are noticed", || (counts() == [2, 0]).then_some(()));
    let health = Adapter::health(&scene);
    assert!(!health.to_string().contains("EVENTS_SET_ASIDE"), "{health}");
    assert_eq!(spool.names(&[]), [""; 0]);
    adapter.stop();
}

#[test]
fn a_place_without_a_spool_is_named_with_the_ways_to_name_another() {
    let scene = Scene::new();
    std::fs::create_dir(scene.path("own")).unwrap();
    std::fs::create_dir_all(scene.path("empty/spool")).unwrap();
    std::fs::write(scene.path("empty/spool/spool.sqlite"), "").unwrap();
    for (flags, place) in [
        (&[][..], "apiary-webhook-spool"),
        (&["--data", "nope"], "nope/spool"),
        (&["--data", "own"], "own/spool"),
        (&["--data", "empty"], "empty/spool"),
        (&["--set", "webhook.spool=own"], "own"),
        (&["--data", "own", "--set", "webhook.spool=nope"], "nope"),
    ] {
        for command in [&["list"][..], &["show", "x"], &["retry", "x"], &["retry", "--all"], &["delete", "x"]] {
            let words = scene.run(&[flags, &["spool"], command].concat()).fails_with(5);
            assert!(words.contains(&format!("error: {place} contains no spool")), "{flags:?} {command:?}: {words}");
            assert!(words.contains("--set webhook.spool=DIR") && words.contains("--data DIR"), "{words}");
            assert!(!words.contains("WARN"), "{words}");
        }
    }
    assert!(!scene.path("nope").exists(), "nothing is made by looking");
}

#[test]
fn a_name_that_is_not_there_is_answered_with_the_one_that_is_meant_and_the_others_are_done() {
    let scene = Scene::new();
    let spool = Spool { scene: &scene, folder: scene.path("spool") };
    stopped(&scene, &spool.folder);
    let words = spool.run(&["show", "stripe:live::evt_l"]).fails_with(5);
    assert!(words.contains("is `stripe:live::evt_1` meant?"), "{words}");
    for command in ["retry", "delete"] {
        let words = spool.run(&[command, "stripe:live::evt_l"]).fails_with(5);
        assert!(words.contains("no event `stripe:live::evt_l` is set aside"), "{words}");
        assert!(words.contains("is `stripe:live::evt_1` meant?"), "{words}");
        // As Stripe calls it.
        let words = spool.run(&[command, "evt_3"]).fails_with(5);
        assert!(words.contains("is `stripe:test::evt_3` meant?"), "{words}");
        let words = spool.run(&[command, "in_12345"]).fails_with(5);
        assert!(words.contains("`apiary spool list` shows those that are"), "{words}");
    }
    let ran = spool.run(&["delete", NAMES[0], "evt_2", NAMES[2]]);
    assert_eq!(ran.stdout, format!("deleted {}\ndeleted {}\n", NAMES[0], NAMES[2]), "what could be done is done");
    assert!(ran.fails_with(5).contains("is `stripe:live::evt_2` meant?"));
    assert_eq!(spool.names(&[]), [NAMES[1]]);
    let ran = spool.run(&["retry", "evt_9", NAMES[1]]);
    assert_eq!(ran.stdout, format!("returned to the line: {}\n", NAMES[1]));
    assert!(ran.fails_with(5).contains("no event is set aside at all"));
    assert_eq!(spool.run(&["retry"]).code, 2, "it says which, or all");
}

#[test]
fn a_place_without_a_spool_is_said_to_be_none_and_stays_as_it_is() {
    let scene = Scene::new();
    let words = scene.run(&["spool", "list"]).fails_with(5);
    assert!(words.contains("apiary-webhook-spool contains no spool") && words.contains("--data DIR"), "{words}");
    std::fs::create_dir(scene.path("empty")).unwrap();
    std::fs::create_dir(scene.path("other")).unwrap();
    scene.write(
        "other/spool.sqlite",
        "dear diary, this is no database at all, however long it may go on and on and on.",
    );
    for command in [&["list"][..], &["show", "evt_1"], &["retry", "--all"], &["delete", "evt_1"]] {
        let spool = |folder: &str| Spool { scene: &scene, folder: scene.path(folder) }.run(command);
        assert!(spool("missing").fails_with(5).contains("missing contains no spool"));
        assert!(spool("empty").fails_with(5).contains("empty contains no spool"));
        let words = spool("other").fails_with(1);
        assert!(words.contains("is damaged") && words.contains(".recover"), "{words}");
    }
    assert!(!scene.path("missing").exists());
    assert_eq!(std::fs::read_dir(scene.path("empty")).unwrap().count(), 0);
    assert_eq!(std::fs::read_dir(scene.path("other")).unwrap().count(), 1);
    assert!(scene.read("other/spool.sqlite").starts_with("dear diary"));
}

#[test]
fn a_spool_that_takes_no_change_is_read_and_nothing_is_said_to_be_done() {
    let scene = Scene::new();
    let disk = Disk::new(Fault::Immutable);
    let spool = Spool { scene: &scene, folder: disk.path().join("spool") };
    stopped(&scene, &spool.folder);
    disk.fail();
    assert_eq!(spool.names(&[]), NAMES);
    assert_eq!(spool.run(&["show", NAMES[0], "--payload", "-o", "json"]).json()["spec"], json!({ "a": 1 }));
    for command in [["retry", NAMES[0]], ["delete", NAMES[0]], ["retry", "--all"]] {
        let ran = spool.run(&command);
        assert_eq!(ran.stdout, "");
        let words = ran.fails_with(1);
        assert!(words.contains("cannot be written here") && words.contains("the adapter's user"), "{words}");
    }
    disk.mend();
    assert_eq!(spool.names(&[]), NAMES, "nothing was changed");
    spool.run(&["retry", "--all"]).ok();
    assert_eq!(spool.names(&[]), [""; 0]);
}

#[test]
fn a_damaged_row_hides_no_other_and_can_be_deleted() {
    let scene = Scene::new();
    let spool = Spool { scene: &scene, folder: scene.path("spool") };
    stopped(&scene, &spool.folder);
    sql(
        &spool.folder,
        &[
            "UPDATE set_aside SET spec = x'00ff7b', message = CAST(x'ff6f6b' AS TEXT), received_ms = 9223372036854775807 \
             WHERE idempotency_key = 'stripe:live::evt_2'",
        ],
    );
    assert_eq!(spool.names(&[]), [NAMES[0], NAMES[2], NAMES[1]], "by the time of arrival, which is damaged, too");
    let shown = spool.run(&["show", NAMES[1], "--payload", "-o", "json"]).json();
    assert_eq!(
        (&shown["spec"], &shown["received_at"], &shown["message"]),
        (&Value::Null, &Value::Null, &json!("\u{fffd}ok"))
    );
    let text = spool.run(&["show", NAMES[1], "--payload"]).ok();
    assert!(text.contains("damaged: not valid JSON") && text.contains("delete this one"), "{text}");
    spool.run(&["delete", NAMES[1]]).ok();
    assert_eq!(spool.names(&[]), [NAMES[0], NAMES[2]]);

    // The name itself, and then the file.
    sql(
        &spool.folder,
        &["UPDATE set_aside SET idempotency_key = CAST(x'ff31' AS TEXT) WHERE idempotency_key = 'stripe:live::evt_1'"],
    );
    assert_eq!(spool.names(&[]), ["\u{fffd}1", NAMES[2]]);
    let file = spool.folder.join("spool.sqlite");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100..].fill(0xa5);
    std::fs::write(&file, bytes).unwrap();
    let words = spool.run(&["list"]).fails_with(1);
    assert!(words.contains("is damaged") && words.contains(".recover"), "{words}");
}

#[test]
fn the_spool_of_a_colony_that_is_up_is_found_and_doctor_tells_what_is_set_aside() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    assert_eq!(local.run(&["spool", "list", "-o", "json"]).json(), json!([]));
    let doctor = || local.run(&["doctor", "--only", "webhook", "-o", "json"]).json();
    assert_eq!(doctor()["findings"].as_array().unwrap().len(), 1);
    sql(&scene.path("data/spool"), &REFUSED);
    let found = eventually("doctor tells", || {
        let findings = doctor()["findings"].as_array().unwrap().clone();
        findings.into_iter().find(|finding| finding["verdict"] == "warning")
    });
    let words = found["words"].as_str().unwrap();
    assert!(words.contains("the broker rejected 3 events") && words.contains("the oldest came"), "{words}");
    let days = words.split("came ").nth(1).unwrap();
    assert!(days.contains('h') || days.contains('d'), "the age of the first, from 2025: {days}");
    assert!(found["advice"].as_str().unwrap().contains("`apiary spool list`"), "{found}");
    let text = local.run(&["doctor", "--only", "webhook"]).ok();
    assert!(text.contains("data/apiary.toml spool list`"), "the command works as it stands: {text}");
    let listed = local.run(&["spool", "list", "-o", "json"]).json();
    assert_eq!(listed.as_array().unwrap().len(), 3);
    let data = scene.path("data");
    let named = scene.run(&["--data", data.to_str().unwrap(), "spool", "list", "-o", "json"]).json();
    assert_eq!(named, listed);
    local.run(&["spool", "delete", NAMES[0], NAMES[1], NAMES[2]]).ok();
    eventually("doctor has no more to tell", || {
        let findings = doctor()["findings"].as_array().unwrap().clone();
        findings.iter().all(|finding| finding["verdict"] == "good").then_some(())
    });
}
