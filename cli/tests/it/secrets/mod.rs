//! Secrets, and what is in events and arguments, stand nowhere that others read: no log, no page, no list of processes, no output of a
//! command. Every setting that is a secret has a text that is searched for, in the forms in which it might be written.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

mod planted;
mod scene;
mod stand_ins;

use std::collections::BTreeSet;

use apiary_identity::{Clock as _, SystemClock};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

use planted::{Forms, PAYLOAD, SECRET, secret};
use scene::{KEYS, Parts};

#[test]
fn no_secret_and_no_payload_is_where_others_read() {
    let parts = Parts::start();
    parts.adapter_is_ready();
    every_secret_is_planted(&parts);
    let secrets =
        KEYS.iter().fold(Forms::beginning_with(SECRET), |all, key| all.and(Forms::of_key(&parts.scene.read(key))));
    let secrets_and_payloads = Forms::beginning_with(PAYLOAD).and(Forms::beginning_with(SECRET));

    send_webhooks(&parts);
    send_to_the_broker(&parts);
    parts.ended("echo", 3);
    parts.ended("fail", 1);
    parts.all_is_refused();

    let mut found = Vec::new();
    let mut search = |forms: &Forms, place: &str, text: &str| {
        found.extend(forms.lines_with(text).into_iter().map(|line| format!("{place}: {line}")));
    };
    let commands = commands();
    // At once: some wait for services that refuse them.
    let outputs: Vec<_> = std::thread::scope(|scope| {
        let run = |arguments: &[&str]| parts.command(parts.with_encrypted_key(), &[&["-vvv"], arguments].concat());
        let running: Vec<_> = commands.iter().map(|(arguments, _)| scope.spawn(move || run(arguments))).collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for ((arguments, shows_payloads), ran) in commands.into_iter().zip(outputs) {
        let forms = if shows_payloads { &secrets } else { &secrets_and_payloads };
        search(forms, &format!("{arguments:?}"), &(ran.stdout + "\n" + &ran.stderr));
    }
    for setting in ["broker.database_url", "broker.database_direct_url"] {
        let ran = parts.refused_broker(setting);
        search(&secrets_and_payloads, setting, &(ran.stdout + "\n" + &ran.stderr));
    }
    for setting in ["finance.stripe_secret_key", "import.database_url", "finance.database_url", "broker.proxy"] {
        assert!(parts.is_refused(setting), "a command uses {setting}");
    }
    search(&secrets_and_payloads, "the arguments of processes", &parts.arguments());
    for (url, page) in parts.pages() {
        search(&secrets_and_payloads, &url, &page);
    }
    for (part, log) in parts.stop() {
        assert!(log.contains("DEBUG"), "the log of {part} is as detailed as can be:\n{log}");
        search(&secrets_and_payloads, part, &log);
        search(&secrets, part, &log);
    }
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

/// Fails unless each setting that is a secret is one of those that are searched for.
fn every_secret_is_planted(parts: &Parts) {
    let rows = parts.command(parts.with_encrypted_key(), &["config", "show", "-o", "json"]).json();
    let rows = rows.as_array().unwrap();
    let keys = |is_wanted: &dyn Fn(&&serde_json::Value) -> bool| -> BTreeSet<String> {
        rows.iter().filter(is_wanted).map(|row| row["key"].as_str().unwrap().to_owned()).collect()
    };
    let of_secrets = keys(&|row| row["secret"] == true);
    let set = keys(&|row| row["secret"] == true && row["value"] == "(hidden)");
    assert!(of_secrets.len() > 15, "{of_secrets:?}");
    assert_eq!(of_secrets, set, "set the secret in cli/tests/it/secrets/scene.rs, and use it");
}

/// Returns commands, each true if it may show payloads to who asks.
fn commands() -> Vec<(Vec<&'static str>, bool)> {
    let commands: [(&[&str], bool); 25] = [
        (&["config", "show"], false),
        (&["config", "show", "-o", "json"], false),
        (&["doctor"], false),
        (&["doctor", "-o", "json"], false),
        (&["status"], false),
        (&["colony", "health"], false),
        (&["colony", "show"], false),
        (&["process", "list"], false),
        (&["process", "show", "latest"], true),
        (&["process", "explain", "latest"], false),
        (&["process", "logs"], true),
        (&["process", "verify", "latest"], true),
        (&["event", "list"], false),
        (&["executor", "list", "-o", "json"], false),
        (&["grant", "list"], false),
        (&["webhook", "routes"], false),
        (&["spool", "list"], false),
        (&["notify", "test"], false),
        (&["notify", "list"], false),
        (&["bee", "finance", "--check"], false),
        (&["bee", "security", "--check"], false),
        (&["record", "diff", "sub_1"], false),
        (&["record", "show", "--set", "finance.record=postgres"], false),
        (&["import", "colony-tasks", "--source", "shop", "--executor-type", "echo", "--dry-run"], false),
        (&["status", "--broker", "http://broker.example:7420", "--set", "broker.allow_plaintext=true"], false),
    ];
    commands.into_iter().map(|(arguments, shows_payloads)| (arguments.to_vec(), shows_payloads)).collect()
}

/// Sends to each door of the adapter what is right, what is signed and malformed, and what is signed wrongly.
fn send_webhooks(parts: &Parts) {
    let now = SystemClock.now().as_second();
    let stripe = json!({
        "id": "evt_1", "object": "event", "type": "invoice.paid", "livemode": false, "created": now, "api_version": "2025-01-27.acacia",
        "data": {"object": {"id": "in_1", "object": "invoice", "customer": "cus_1", "customer_email": format!("{PAYLOAD}@example.com")}},
    });
    let other = json!({"id": "one", "type": "push", "data": {"text": PAYLOAD}, "message": PAYLOAD}).to_string();
    let malformed = format!("{{\"id\": \"{PAYLOAD}\", \"type\": {PAYLOAD}");
    for (body, is_right) in [(stripe.to_string(), true), (malformed.clone(), false)] {
        let mac = mac(format!("whsec_{}", secret("webhook.stripe_secrets")).as_bytes(), &format!("{now}.{body}"));
        let signed = ("Stripe-Signature", format!("t={now},v1={}", hex::encode(mac)));
        expect(parts.post(1, "/webhooks/stripe", &[signed], &body), is_right);
        let wrong = ("Stripe-Signature", format!("t={now},v1={}", hex::encode(PAYLOAD)));
        expect(parts.post(1, "/webhooks/stripe", &[wrong], &body), false);
        expect(parts.post(1, "/webhooks/stripe", &[("Stripe-Signature", PAYLOAD.to_owned())], &body), false);
    }
    for (body, is_right) in [(other, true), (malformed, false)] {
        let hub = format!("sha256={}", hex::encode(mac(secret("webhook.github_secrets").as_bytes(), &body)));
        let of_github = |signature: String| {
            [("X-Hub-Signature-256", signature), ("X-GitHub-Event", "push".into()), ("X-GitHub-Delivery", "d1".into())]
        };
        expect(parts.post(1, "/webhooks/github", &of_github(hub), &body), is_right);
        expect(parts.post(1, "/webhooks/github", &of_github(format!("sha256={PAYLOAD}")), &body), false);

        let shop = format!("sha256={}", hex::encode(mac(secret("webhook.hmac_secrets").as_bytes(), &body)));
        let of_shop = |signature: String| {
            [("X-Shop-Signature", signature), ("X-Shop-Id", "s1".into()), ("X-Shop-Topic", "order".into())]
        };
        expect(parts.post(1, "/webhooks/shop", &of_shop(shop), &body), true);
        expect(parts.post(1, "/webhooks/shop", &of_shop(PAYLOAD.to_owned()), &body), false);

        let signed = mac(secret("webhook.standard_secrets").as_bytes(), &format!("msg_1.{now}.{body}"));
        let of_standard = |signature: String| {
            [("webhook-id", "msg_1".into()), ("webhook-timestamp", now.to_string()), ("webhook-signature", signature)]
        };
        // A right one goes to a function whose schema refuses it, and is set aside.
        parts.post(1, "/webhooks/standard", &of_standard(format!("v1,{}", STANDARD.encode(signed))), &body);
        expect(
            parts.post(1, "/webhooks/standard", &of_standard(format!("v1,{}", STANDARD.encode(PAYLOAD))), &body),
            false,
        );

        let bearer = |token: &str| [("Authorization", format!("Bearer {token}"))];
        expect(parts.post(1, "/events/log", &bearer(&secret("webhook.eventlog_secrets")), &body), is_right);
        expect(parts.post(1, "/events/log", &bearer(PAYLOAD), &body), false);
    }
}

/// Sends to the broker what it refuses, and work whose arguments nobody else may see.
fn send_to_the_broker(parts: &Parts) {
    let bearer = [("Authorization", format!("Bearer {PAYLOAD}")), ("X-Request-Id", format!("{PAYLOAD}/no-id"))];
    for body in [PAYLOAD.to_owned(), json!({"payload": PAYLOAD, "signatures": [{"sig": PAYLOAD}]}).to_string()] {
        expect(parts.post(0, "/v1/processes", &bearer, &body), false);
        expect(parts.post(0, &format!("/v1/processes/{PAYLOAD}"), &bearer, &body), false);
    }
    let submit = |function: &str, args: &str| {
        let submit =
            ["process", "submit", "--type", "echo", "--function", function, "--max-retries", "0", "--args", args];
        parts.command(parts.with_encrypted_key(), &submit)
    };
    submit("echo", &json!({ "text": PAYLOAD }).to_string()).ok();
    submit("fail", "{}").ok();
    assert_ne!(submit("fail", &json!({"message": {"text": PAYLOAD}}).to_string()).code, 0, "the schema refuses it");
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[track_caller]
fn expect(status: u16, is_right: bool) {
    assert_eq!((200..300).contains(&status), is_right, "status {status}");
}
