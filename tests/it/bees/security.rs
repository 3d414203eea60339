//! The security bee: from attacks at the broker to a score that names them, a response, and its undoing; all through the CLI.

use std::process::{Command, Output};

use apiary_executor_sdk::v1;
use apiary_identity::{Clock as _, Envelope, GrantRight, KeyPair, Role, Spec, SystemClock, write_key_file};
use apiary_tests::colony::spoil;
use apiary_tests::daemon::Daemon;
use apiary_tests::gotrue::GoTrueStub;
use apiary_tests::{TestColony, apiary_binary, eventually};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::security::requests::{good, signed};

on_each_store!(
    replays_and_probes_are_weighed_each_by_its_key,
    a_submitter_who_may_not_pause_gets_dry_runs_only,
    forged_calls_raise_the_score_and_a_pause_is_made_and_undone,
    an_account_is_locked_and_unlocked,
    a_check_says_which_right_is_missing,
);

/// Functions of the bee.
const FUNCTIONS: [&str; 4] = ["analyze_security", "detect_anomaly", "respond_threat", "identity.hygiene"];
const RIGHTS: [GrantRight; 3] = [GrantRight::Read, GrantRight::ReadEvents, GrantRight::Pause];
/// The service-role key of the stand-in.
const SERVICE_KEY: &str = "sb_secret_only_for_these_tests";

/// A colony with a security bee, an operator, and their keys in files.
struct Scene {
    colony: TestColony,
    folder: TempDir,
    bee: Daemon,
}

impl Scene {
    async fn new(colony: TestColony, rights: &[GrantRight]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        colony.grant("security", Role::Executor, &FUNCTIONS, &["security"], rights).await;
        colony.grant("operator", Role::User, &["*"], &["*"], &[GrantRight::Read, GrantRight::Operate]).await;
        for name in ["security", "operator"] {
            write_key_file(&folder.path().join(name), &colony.key_of(name), None).unwrap();
        }
        let bee = Daemon::new("security-bee", &["bee", "security"], folder.path(), None)
            .set("APIARY_BROKER", format!("http://{}", colony.address()))
            .set("APIARY_COLONY", colony.key.id())
            .set("APIARY_KEY_FILE", folder.path().join("security").display());
        Self { colony, folder, bee }
    }

    /// Runs a command with a key.
    async fn cli(&self, key: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(apiary_binary());
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("APIARY_BROKER", format!("http://{}", self.colony.address()))
            .env("APIARY_COLONY", self.colony.key.id().to_string())
            .env("APIARY_KEY_FILE", self.folder.path().join(key))
            .current_dir(self.folder.path());
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// Submits work to the bee through the CLI, waits for its end, and returns its id and output.
    async fn ask(&self, function: &str, args: &Value) -> (Uuid, Value) {
        self.ask_as("operator", function, args).await
    }

    async fn ask_as(&self, key: &str, function: &str, args: &Value) -> (Uuid, Value) {
        let args = args.to_string();
        let submit = ["process", "submit", "--type", "security", "--function", function, "--args", &args];
        let ran = self.cli(key, &[&submit[..], &["--wait", "-o", "json"]].concat()).await;
        let shown: Value = serde_json::from_slice(&ran.stdout).unwrap_or_default();
        let id = shown["process_id"].as_str().and_then(|id| id.parse().ok());
        let id = id.unwrap_or_else(|| panic!("{function}: {}{}", text(&ran.stdout), text(&ran.stderr)));
        (id, shown["output"]["json"].clone())
    }

    /// Makes a dry run and then the response; returns its id and output.
    async fn respond(&self, args: &Value) -> (Uuid, Value) {
        let (_, dry) = self.ask("respond_threat", args).await;
        assert_eq!(dry["dry_run"], true, "{dry}");
        self.ask("respond_threat", &dry["next"]).await
    }

    async fn pauses(&self) -> Value {
        let listed = self.cli("operator", &["pause", "list", "-o", "json"]).await;
        serde_json::from_slice(&listed.stdout).unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn forged_calls_raise_the_score_and_a_pause_is_made_and_undone(colony: TestColony) {
    let mut scene = Scene::new(colony, &RIGHTS).await;
    scene.bee.start();
    let (colony, owner) = (&scene.colony, scene.colony.client(&scene.colony.key));
    let (_, quiet) = scene.ask("analyze_security", &json!({"hours": 1})).await;
    assert_eq!((&quiet["score"], &quiet["level"]), (&json!(0), &json!("none")), "{quiet}");
    for _ in 0..6 {
        let mut forged =
            Envelope::seal(&KeyPair::generate(), &Spec::new(colony.key.id(), "t", "charge", SystemClock.now()))
                .unwrap();
        spoil(&mut forged);
        assert_eq!(owner.submit_envelope(&forged).await.unwrap_err().reason(), Some("SIGNATURE_INVALID"));
    }
    eventually("the refusals are in the stream", async || {
        let request = v1::ListEventsRequest { kind: "refused.signature".into(), ..Default::default() };
        (owner.list_events(request).await.ok()?.events.len() == 6).then_some(())
    })
    .await;
    let (_, found) = scene.ask("analyze_security", &json!({"hours": 1})).await;
    let reason = &found["reasons"][0];
    assert_eq!((&reason["rule"], &reason["subject"]), (&json!("failed-signatures"), &json!("127.0.0.1")), "{found}");
    assert_eq!((&reason["count"], &found["score"], &found["level"]), (&json!(6), &json!(40), &json!("medium")));
    assert_eq!(reason["events"].as_array().map(Vec::len), Some(5), "{reason}");
    let (_, anomalies) = scene.ask("detect_anomaly", &json!({})).await;
    assert_eq!(anomalies["is_learning"], true, "{anomalies}");
    let (_, hygiene) = scene.ask("identity.hygiene", &json!({"grant_ends_days": 100})).await;
    let concerns = hygiene["concerns"].as_array().unwrap();
    assert_eq!(concerns.iter().filter(|concern| concern["kind"] == "grant_ends").count(), 2, "{hygiene}");

    let wish = json!({"action": "pause", "kind": "function", "name": "charge", "reason": "forged signatures"});
    let (_, dry) = scene.ask("respond_threat", &wish).await;
    assert_eq!((&dry["dry_run"], &dry["changed"]), (&json!(true), &json!(true)), "{dry}");
    assert_eq!(scene.pauses().await, json!([]), "a dry run pauses nothing");
    let (response, done) = scene.ask("respond_threat", &dry["next"]).await;
    assert_eq!((&done["dry_run"], &done["changed"]), (&json!(false), &json!(true)), "{done}");
    let pauses = scene.pauses().await;
    assert_eq!((&pauses[0]["name"], &pauses[0]["by"]), (&json!("charge"), &json!("security")), "{pauses}");
    assert!(pauses[0]["reason"].as_str().unwrap().contains(&response.to_string()), "{pauses}");
    // The same dry run does not permit a second response.
    let args = dry["next"].to_string();
    let submit = ["process", "submit", "--type", "security", "--function", "respond_threat", "--args", &args, "--wait"];
    let again = scene.cli("operator", &submit).await;
    let said = text(&again.stdout) + &text(&again.stderr);
    assert!(!again.status.success() && said.contains("it changed since the dry run"), "{said}");

    let undo = json!({"action": "undo", "response": response, "reason": "a false alarm"});
    let (_, undone) = scene.respond(&undo).await;
    assert_eq!((&undone["changed"], &undone["after"]), (&json!(true), &json!({"pause": null})), "{undone}");
    assert_eq!(scene.pauses().await, json!([]));
    assert_eq!(scene.bee.terminate().await, Some(0));
}

async fn replays_and_probes_are_weighed_each_by_its_key(colony: TestColony) {
    let mut scene = Scene::new(colony, &RIGHTS).await;
    scene.bee.start();
    let (colony, owner) = (&scene.colony, scene.colony.client(&scene.colony.key));
    let request = good(colony).await;
    signed(colony, &request).await.unwrap();
    for _ in 0..4 {
        signed(colony, &request).await.unwrap_err();
    }
    // The texts of a refused call are the caller's own, and no more than text to whoever reads them.
    let prober = colony.grant("prober", Role::User, &["report"], &["t"], &[]).await;
    for number in 0..4 {
        let function = format!("charge:{number}");
        prober.submit_json("t", &function, &()).await.unwrap_err();
    }
    prober.list_pauses().await.unwrap();
    prober.get_colony().await.unwrap_err();
    prober.list_functions(v1::ListFunctionsRequest::default()).await.unwrap_err();
    let odd = "\u{1b}[31m'; drop table events; --\n$(reboot)";
    let request = v1::PauseRequest { kind: "function".into(), name: odd.into(), reason: odd.into() };
    prober.pause(request).await.unwrap_err();
    prober.list_events(v1::ListEventsRequest { kind: odd.into(), ..Default::default() }).await.unwrap_err();
    let found = eventually("both are weighed", async || {
        let (_, found) = scene.ask("analyze_security", &json!({"hours": 1, "state": false})).await;
        let rules: Vec<String> =
            found["reasons"].as_array()?.iter().map(|reason| reason["rule"].as_str().unwrap().to_owned()).collect();
        ["replays", "scope-probing"].iter().all(|rule| rules.contains(&(*rule).to_owned())).then_some(found)
    })
    .await;
    let of = |rule: &str| {
        let reasons = found["reasons"].as_array().unwrap();
        reasons.iter().find(|reason| reason["rule"] == rule).unwrap().clone()
    };
    assert_eq!(of("replays")["subject"], json!(colony.key.id().to_string()), "{found}");
    assert_eq!(of("scope-probing")["name"], "prober", "{found}");
    assert!(found["score"].as_u64() >= Some(60), "{found}");
    let events = owner.list_events(v1::ListEventsRequest { page_size: 1000, ..Default::default() }).await.unwrap();
    assert!(!events.events.is_empty(), "the table is still there");
    let words = scene.bee.words();
    assert!(!words.contains('\u{1b}') && !words.contains("reboot"), "{words}");
}

async fn a_submitter_who_may_not_pause_gets_dry_runs_only(colony: TestColony) {
    let mut scene = Scene::new(colony, &RIGHTS).await;
    scene.colony.grant("watcher", Role::User, &["respond_threat"], &["security"], &[GrantRight::Read]).await;
    write_key_file(&scene.folder.path().join("watcher"), &scene.colony.key_of("watcher"), None).unwrap();
    scene.bee.start();
    let wish = json!({"action": "pause", "kind": "colony", "reason": "all is lost"});
    let (_, dry) = scene.ask_as("watcher", "respond_threat", &wish).await;
    let args = dry["next"].to_string();
    let submit = ["process", "submit", "--type", "security", "--function", "respond_threat", "--args", &args, "--wait"];
    let ran = scene.cli("watcher", &submit).await;
    let said = text(&ran.stdout) + &text(&ran.stderr);
    assert!(!ran.status.success() && said.contains("lacks the right `pause`"), "{said}");
    assert_eq!(scene.pauses().await, json!([]));
    // The operator may follow the watcher's plan.
    let (_, done) = scene.ask("respond_threat", &dry["next"]).await;
    assert_eq!(done["changed"], true, "{done}");
    assert_eq!(scene.pauses().await[0]["kind"], "colony");
}

async fn an_account_is_locked_and_unlocked(colony: TestColony) {
    let (supabase, user_id) = (GoTrueStub::start(SERVICE_KEY).await, Uuid::new_v4());
    supabase.add(user_id);
    let mut scene = Scene::new(colony, &RIGHTS).await;
    scene.bee.settings("APIARY_SECURITY_SUPABASE_URL", supabase.url());
    scene.bee.settings("APIARY_SECURITY_SUPABASE_SERVICE_ROLE_KEY", SERVICE_KEY);
    scene.bee.start();
    let lock = json!({"action": "lock_account", "user_id": user_id, "hours": 24, "reason": "stolen cards"});
    let (response, done) = scene.respond(&lock).await;
    assert_eq!(done["changed"], true, "{done}");
    let user = supabase.user(user_id);
    assert_eq!(user["app_metadata"]["apiary_lock"], json!(response), "{user}");
    let until: jiff::Timestamp = user["banned_until"].as_str().unwrap().parse().unwrap();
    let hours = until.duration_since(SystemClock.now()).as_secs_f64() / 3600.0;
    assert!((23.9..=24.0).contains(&hours), "{hours} h");
    assert_eq!(user["app_metadata"]["provider"], "email", "everything else stays");
    let (_, undone) = scene.respond(&json!({"action": "undo", "response": response, "reason": "it was Ada"})).await;
    assert_eq!(undone["changed"], true, "{undone}");
    let user = supabase.user(user_id);
    assert_eq!((&user["banned_until"], &user["app_metadata"]["apiary_lock"]), (&Value::Null, &Value::Null), "{user}");
    let words = scene.bee.words();
    assert!(!words.contains(SERVICE_KEY), "the log shows no key");
}

async fn a_check_says_which_right_is_missing(colony: TestColony) {
    let mut scene = Scene::new(colony, &[GrantRight::Read, GrantRight::ReadEvents]).await;
    scene.bee.start();
    let wish = json!({"action": "pause", "kind": "function", "name": "charge", "reason": "forged signatures"});
    let (_, dry) = scene.ask("respond_threat", &wish).await;
    let args = dry["next"].to_string();
    let submit = ["process", "submit", "--type", "security", "--function", "respond_threat", "--args", &args, "--wait"];
    let ran = scene.cli("operator", &submit).await;
    let said = text(&ran.stdout) + &text(&ran.stderr);
    assert!(!ran.status.success() && said.contains("the security bee's grant does not permit this"), "{said}");
    let check = async |scene: &Scene| {
        let ran = scene.cli("security", &["bee", "security", "--check"]).await;
        (ran.status.code(), text(&ran.stdout) + &text(&ran.stderr))
    };
    let (code, said) = check(&scene).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the right `pause`") && said.contains("--right pause"), "{said}");
    assert!(said.contains("no Supabase project is set"), "{said}");
    let key = scene.colony.key_of("security");
    let grant = scene.colony.grant_document(&key, "security", Role::Executor, &FUNCTIONS, &["security"], &RIGHTS);
    let owner = scene.colony.client(&scene.colony.key);
    owner.add_grant(&Envelope::seal(&scene.colony.key, &grant).unwrap()).await.unwrap();
    let (code, said) = check(&scene).await;
    assert_eq!(code, Some(0), "{said}");
}
