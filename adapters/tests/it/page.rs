//! The examples of `docs/webhooks.md`, as they are written there.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what goes wrong in a helper fails the test")]

use apiary_identity::{Clock as _, SystemClock};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::harness::{Broker, config_with, request, start};

/// The key of the examples' senders.
const KEY: &str = "swordfish-of-this-test";

/// The text of a section of the page, up to the next heading of any level.
fn section(heading: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/webhooks.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, after) = page.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("the page has {heading}"));
    after.split("\n#").next().unwrap().to_owned()
}

/// The first block of code in a language.
fn block(section: &str, language: &str) -> String {
    let (_, after) = section.split_once(&format!("```{language}\n")).unwrap_or_else(|| panic!("a block of {language}"));
    after.split("\n```").next().unwrap().to_owned()
}

/// The lists of the `[webhook]` section of a block, with the full names of their settings.
fn lists(toml: &str) -> Vec<(String, Vec<String>)> {
    let table: toml::Table = toml.parse().unwrap();
    let section = table["webhook"].as_table().unwrap();
    let texts =
        |value: &toml::Value| value.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect();
    section.iter().map(|(name, value)| (format!("webhook.{name}"), texts(value))).collect()
}

fn hmac(text: &str) -> Vec<u8> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    hmac.update(text.as_bytes());
    hmac.finalize().into_bytes().to_vec()
}

/// Posts the body of a section's example to an adapter with its settings. Returns type, function and priority of the process.
async fn post(
    heading: &str,
    path: &str,
    headers: &dyn Fn(&str) -> Vec<(&'static str, String)>,
) -> (String, String, i32) {
    let section = section(heading);
    let name = path.rsplit('/').next().unwrap();
    let mut settings = lists(&block(&section, "toml"));
    settings.push(("webhook.hmac_secrets".to_owned(), vec![format!("{name}={KEY}")]));
    let settings: Vec<(&str, Vec<&str>)> =
        settings.iter().map(|(key, texts)| (key.as_str(), texts.iter().map(String::as_str).collect())).collect();
    let settings: Vec<(&str, &[&str])> = settings.iter().map(|(key, texts)| (*key, texts.as_slice())).collect();
    let (folder, broker) = (tempfile::tempdir().unwrap(), Broker::new());
    let webhook = start(config_with(folder.path(), &settings).unwrap(), &broker).await;
    let body = block(&section, "json");
    let headers = headers(&body);
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = request(webhook.address(), "POST", path, &headers, body.as_bytes()).await.unwrap();
    assert_eq!(answer.status, 200, "{heading}: {answer:?}");
    let spec = broker.specs().remove(0);
    (spec.labels[&format!("{name}_type")].clone(), format!("{}/{}", spec.executor_type, spec.function), spec.priority)
}

#[tokio::test]
async fn the_example_of_a_calendar_works_as_it_is_written() {
    let headers = |body: &str| vec![("x-cal-signature-256", hex::encode(hmac(body)))];
    let became = post("### A calendar", "/webhooks/calendar", &headers).await;
    assert_eq!(became, ("BOOKING_RESCHEDULED".to_owned(), "agenda/book".to_owned(), 0));
}

#[tokio::test]
async fn the_example_of_a_table_works_as_it_is_written() {
    let headers = |body: &str| {
        let time = SystemClock.now().as_second().to_string();
        let signature = format!("sha256={}", STANDARD.encode(hmac(&format!("{time}.{body}"))));
        vec![("x-coda-timestamp", time), ("x-coda-signature", signature)]
    };
    let became = post("### Tables and documents", "/webhooks/coda", &headers).await;
    assert_eq!(became, ("task-created".to_owned(), "tasks/add".to_owned(), 1));
}

#[test]
fn the_example_of_routes_is_the_same_in_file_and_environment_and_valid() {
    let section = section("## Where events go");
    let in_file = lists(&block(&section, "toml")).remove(0);
    let line = block(&section, "sh");
    let (name, value) = line.split_once('=').unwrap();
    let in_environment: Vec<String> = value.trim_matches('"').split(',').map(|text| text.trim().to_owned()).collect();
    assert_eq!(
        (name, &in_environment[..2]),
        (
            "APIARY_WEBHOOK_STRIPE_ROUTES",
            &["charge.refunded = also refunds/note priority=5".to_owned(), in_file.1[1].clone()][..]
        )
    );
    let lines: Vec<&str> = in_file.1.iter().map(String::as_str).collect();
    let settings: [(&str, &[&str]); 2] =
        [("webhook.stripe_secrets", &["whsec_of_this_test_only"]), (&in_file.0, &lines)];
    let config = config_with(tempfile::tempdir().unwrap().path(), &settings).unwrap();
    assert_eq!(config.receivers[0].routes.lines().next().unwrap().target.as_deref(), Some("refunds/note"));
}
