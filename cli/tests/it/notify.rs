//! `apiary notify`, and the notifiers of the parts: against a mail server, Slack, Discord, a signed webhook and a dead man's switch,
//! all of the test's own.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::process::{Child, Stdio};

use apiary_tests::Port;
use apiary_tests::blocking::eventually;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use crate::local::{Local, command};
use crate::receivers::{Fault, MailServer, Receiver};
use crate::scene::Scene;

/// The secret of the signed webhook: 32 bytes.
const SECRET: &str = "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";

/// All places that a notification can go to.
pub(crate) struct Places {
    pub(crate) mail: MailServer,
    pub(crate) http: Receiver,
}

impl Places {
    pub(crate) fn open() -> Self {
        Self { mail: MailServer::open(), http: Receiver::open() }
    }

    /// Returns the settings of all targets, with times for a test.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let url = |path: &str| format!("http://{}/{path}", self.http.address());
        let all = [
            ("SMTP_URL", format!("smtp://{}", self.mail.address())),
            ("SMTP_FROM", "Apiary <apiary@example.com>".to_owned()),
            ("SMTP_TO", "ops@example.com,boss@example.com".to_owned()),
            ("SLACK_URL", url("slack/hidden-token")),
            ("DISCORD_URL", url("discord/hidden-token")),
            ("WEBHOOK_URL", url("webhook")),
            ("WEBHOOK_SECRET", SECRET.to_owned()),
            ("PING_URL", url("ping/hidden-token")),
            ("EVERY_SECONDS", "1".to_owned()),
            ("AFTER_SECONDS", "0".to_owned()),
            ("BROKER_AWAY_AFTER_SECONDS", "1".to_owned()),
        ];
        all.into_iter().map(|(name, value)| (format!("APIARY_NOTIFY_{name}"), value)).collect()
    }

    /// Returns what Slack got.
    pub(crate) fn slack(&self) -> Vec<String> {
        let text = |body: String| serde_json::from_str::<Value>(&body).unwrap()["text"].as_str().unwrap().to_owned();
        self.http.bodies("/slack/hidden-token").into_iter().map(text).collect()
    }

    pub(crate) fn pings(&self) -> usize {
        self.http.bodies("/ping/hidden-token").len()
    }

    /// Returns the number of messages to Slack that have all of these words.
    pub(crate) fn count(&self, words: &[&str]) -> usize {
        let lines = self.slack().join("\n");
        lines.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }

    /// Waits until a round is over: a ping is sent with the messages of its round, and the next round begins after all of them.
    pub(crate) fn wait_for_rounds(&self) {
        let before = self.pings();
        eventually("two rounds are over", || (self.pings() >= before + 2).then_some(()));
    }
}

/// A part as a real process; killed when dropped.
pub(crate) struct Part(Child);

impl Part {
    pub(crate) fn start(scene: &Scene, variables: &[(String, String)], arguments: &[&str]) -> Self {
        let log = std::fs::File::options().create(true).append(true).open(scene.path("part.log")).unwrap();
        let mut command = scene.process(arguments);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_webhook_reports_a_dead_broker_everywhere_once_whatever_restarts_and_that_it_is_back() {
    let (scene, places, port) = (Scene::new(), Places::open(), Port::take());
    let colony = scene.new_key("key.pem");
    let mut variables = places.variables();
    for (name, value) in [
        ("APIARY_COLONY", colony.as_str()),
        ("APIARY_KEY_FILE", "key.pem"),
        ("APIARY_BROKER", &format!("http://{}", port.address())),
        ("STRIPE_WEBHOOK_SECRET", "whsec_for_this_test_only"),
    ] {
        variables.push((name.to_owned(), value.to_owned()));
    }
    let webhook = ["webhook", "--listen", "127.0.0.1:0"];
    // Discord is out of order at first, which keeps nothing from the others.
    places.http.fail_next("/discord/hidden-token", &[Fault::Broken]);
    let part = Part::start(&scene, &variables, &webhook);
    eventually("Discord gets it at last", || {
        let bodies = places.http.bodies("/discord/hidden-token");
        bodies.iter().any(|body| body.contains("OPEN BROKER_AWAY")).then_some(())
    });
    let mails = eventually("the mail arrives", || Some(places.mail.mails()).filter(|mails| !mails.is_empty()));
    assert_eq!(mails[0].to, ["<ops@example.com>", "<boss@example.com>"]);
    assert!(mails[0].text.contains("Subject: [apiary webhook] BROKER_AWAY"), "{}", mails[0].text);
    assert!(mails[0].text.contains("start the broker"), "it says what to do: {}", mails[0].text);
    let told = places.slack();
    assert!(told[0].contains("OPEN BROKER_AWAY") && told[0].contains("start the broker"), "{told:?}");
    verify(&places.http);

    let listed = scene.run_with(&borrowed(&variables), &["notify", "list", "-o", "json"]).json();
    let open = &listed["parts"][0]["open"][0];
    assert_eq!((&listed["parts"][0]["part"], &open["kind"]), (&"webhook".into(), &"BROKER_AWAY".into()));
    assert!(open["told"].is_string() && !listed.to_string().contains("hidden-token"), "{listed}");

    drop(part);
    let part = Part::start(&scene, &variables, &webhook);
    places.wait_for_rounds();
    assert_eq!(
        places.slack().iter().filter(|text| text.contains("OPEN BROKER_AWAY")).count(),
        1,
        "{:?}",
        places.slack()
    );

    let listen = port.address().to_string();
    let database = [("APIARY_DATABASE_URL".to_owned(), "sqlite:broker.db".to_owned())];
    let _broker = Part::start(&scene, &database, &["broker", "--listen", &listen]);
    eventually("its end is told", || {
        places.slack().iter().any(|text| text.contains("RESOLVED BROKER_AWAY")).then_some(())
    });
    drop(part);
    let log = scene.read("part.log");
    assert!(!log.contains("hidden-token") && !log.contains("QUFB"), "no secret is logged: {log}");
}

#[test]
fn findings_of_a_colony_are_sent_once_across_a_kill_with_their_name_and_their_end() {
    let (scene, places) = (Scene::new(), Places::open());
    let start = || {
        let log = std::fs::File::options().create(true).append(true).open(scene.path("up.log")).unwrap();
        let mut command = command(&scene.path("data"));
        command.envs(places.variables()).stderr(log);
        Local::spawn(&scene, &mut command)
    };
    let is_told = |change: &str| {
        places.slack().iter().filter(|text| text.contains(&format!("{change} PAUSED (echo) in colony `local`"))).count()
    };
    let local = start();
    local.run(&["pause", "add", "executor-type", "echo", "--reason", "a test"]).ok();
    eventually("the pause is told", || (is_told("OPEN") == 1).then_some(()));
    // A kill between a target's answer and the note of it sends the message again, with the same id.
    eventually("it is noted", || {
        let listed = local.run(&["notify", "list", "-o", "json"]).json();
        let part = &listed["parts"][0];
        let is_noted = part["open"][0]["told"].is_string() && part["waiting"].get("slack").is_none();
        is_noted.then_some(())
    });
    local.kill();
    let local = start();
    places.wait_for_rounds();
    assert_eq!(is_told("OPEN"), 1, "{:?}", places.slack());
    let listed = local.run(&["notify", "list"]).ok();
    assert!(listed.contains("up: 1 finding is open") && listed.contains("PAUSED"), "{listed}");
    local.run(&["pause", "remove", "executor-type", "echo"]).ok();
    eventually("its end is told", || (is_told("RESOLVED") == 1).then_some(()));
    let (code, words) = local.stop();
    assert_eq!(code, Some(0), "{words}");
}

#[test]
fn a_test_message_goes_to_each_target_and_each_answer_is_shown() {
    let (scene, places) = (Scene::new(), Places::open());
    let variables = places.variables();
    let answers = scene.run_with(&borrowed(&variables), &["notify", "test", "-o", "json"]).json();
    let of = |target: &str| {
        let found = answers.as_array().unwrap().iter().find(|answer| answer["target"] == target).cloned();
        found.unwrap_or_default()
    };
    for target in ["smtp", "slack", "discord", "webhook", "ping"] {
        assert_eq!(of(target)["sent"], true, "{answers}");
    }
    assert!(of("smtp")["answer"].as_str().unwrap().contains("250 queued as 1"), "{answers}");
    assert_eq!(of("slack")["answer"], "HTTP 200 OK: ok", "{answers}");
    verify(&places.http);
    places.http.fail_next("/slack/hidden-token", &[Fault::Broken]);
    let ran = scene.run_with(&borrowed(&variables), &["notify", "test"]);
    assert!(ran.stdout.contains("FAIL  slack") && ran.stdout.contains("HTTP 500"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("hidden-token"), "{}", ran.stdout);
    ran.fails_with(1);
}

#[test]
fn targets_that_cannot_be_used_are_named_before_anything_starts() {
    let scene = Scene::new();
    for (variables, words) in [
        (&[("APIARY_NOTIFY_SLACK_URL", "http://hooks.example/hidden")][..], "`notify.slack_url` is not encrypted"),
        (&[("APIARY_NOTIFY_WEBHOOK_URL", "https://example.com/hidden")], "`notify.webhook_secret` is not set"),
        (&[("APIARY_NOTIFY_SMTP_URL", "smtps://u:hidden@example.com")], "`notify.smtp_from` is not set"),
        (&[], "no target is set"),
    ] {
        let error = scene.run_with(variables, &["notify", "test"]).fails_with(2);
        assert!(error.contains(words) && !error.contains("hidden"), "{error}");
    }
}

fn borrowed(variables: &[(String, String)]) -> Vec<(&str, &str)> {
    variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Checks the signature of every request to the webhook, of which there is at least one.
fn verify(http: &Receiver) {
    let requests =
        eventually("the webhook gets it", || Some(http.requests("/webhook")).filter(|requests| !requests.is_empty()));
    for request in requests {
        let header = |name: &str| request.header(name).unwrap();
        let (id, sent) = (header("webhook-id"), header("webhook-timestamp"));
        let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{id}.{sent}.{}", request.body).as_bytes());
        assert_eq!(header("webhook-signature"), format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())));
        let body: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(body["type"], "apiary.findings");
    }
}
