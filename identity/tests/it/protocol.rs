//! The example in docs/protocol.md: its commands make a valid envelope.

use std::collections::BTreeSet;
use std::process::Command;

use apiary_identity::chain::verify_spec;
use apiary_identity::{
    Backoff, Content, Document, Envelope, Grant, GrantRight, KeyPair, OnFailed, Outcome, OutcomeKind, Request,
    Revocation, Spec, limits, write_key_file,
};

use crate::support::{Scene, seal, value};

const PROTOCOL: &str = include_str!("../../../docs/protocol.md");

/// Returns the shell blocks of the page, in order.
fn blocks() -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = PROTOCOL.lines();
    while lines.by_ref().any(|line| line == "```sh") {
        let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        blocks.push(block.join("\n") + "\n");
    }
    blocks
}

#[test]
fn the_documented_commands_sign_a_spec_that_holds() {
    let folder = tempfile::tempdir().unwrap();
    let key_file = folder.path().join("user.pem");
    let mut scene = Scene::new();
    scene.user = KeyPair::generate();
    write_key_file(&key_file, &scene.user, None).unwrap();
    let blocks = blocks();
    assert_eq!(blocks.len(), 2, "one block signs, one sends");
    assert!(blocks[1].contains("curl "));

    let script = format!("set -euo pipefail\n{}cat \"$work/envelope.json\"\n", blocks[0]);
    let ran = Command::new("bash")
        .args(["-c", &script])
        .env("COLONY_ID", scene.colony.id().to_string())
        .env("KEY_FILE", &key_file)
        .env("EXECUTOR_TYPE", "finance")
        .env("FUNCTION", "billing.apply")
        .env("ARGS", "{\"customer\": \"cus_1\", \"name\": \"Zoë\", \"n\": 1.0}")
        // Far from UTC, so that a local time in a document would be found.
        .env("TZ", "XXX-14")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));

    let envelope = Envelope::from_json(&ran.stdout).unwrap();
    let spec: apiary_identity::Spec = envelope.open().unwrap();
    assert_eq!(spec.args().to_bytes().unwrap(), "{\"customer\": \"cus_1\", \"name\": \"Zoë\", \"n\": 1.0}");
    let mut grant = scene.user_grant();
    (grant.valid_from, grant.valid_until) = (spec.made_at().unwrap(), spec.submit_by);
    let verified = verify_spec(&scene.colony.id(), &scene.granted(&grant), &envelope).unwrap();
    let open = verified.spec.submit_by.duration_since(spec.made_at().unwrap()).as_secs();
    assert!((3590..=3600).contains(&open), "{open} s");
}

/// Returns a spec with every field that can be combined with the others.
fn full_spec(scene: &Scene) -> Spec {
    let mut spec = scene.spec();
    spec.executor_names = vec!["bee".to_owned()];
    (spec.priority, spec.max_wait_ms, spec.max_exec_ms) = (1, 1, 1);
    spec.labels.insert("a".to_owned(), "b".to_owned());
    spec.env.insert("a".to_owned(), "b".to_owned());
    spec.backoff = Backoff::default();
    spec.requires.gpus = Some(1);
    (spec.concurrency_key, spec.rate_key) = (Some("key".to_owned()), Some("key".to_owned()));
    spec.not_before = Some(scene.now);
    spec.parents.insert(uuid::Uuid::nil());
    (spec.idempotency_key, spec.on_failed) = (Some("key".to_owned()), OnFailed::Redrive);
    spec.traceparent = Some("00".to_owned());
    spec
}

#[test]
fn every_field_is_documented_and_no_other() {
    let scene = Scene::new();
    let spec = full_spec(&scene);
    let sealed = seal(&scene.user, &spec);
    let mut failed = scene.outcome(&sealed);
    (failed.outcome, failed.failure) = (OutcomeKind::FailedRetryable, Some("busy".to_owned()));
    failed.retry_after_ms = Some(1);
    let bytes = spec.clone().with_args(Content::from_bytes(b"\xff"));
    let output = Content::from_bytes(b"\xff");
    let done = Outcome::succeeded(spec.colony, spec.process_id, 1, sealed.digest(), scene.now, output);
    let grant = Grant { rights: vec![GrantRight::Read], ..scene.user_grant() };

    let revocation = scene.revocation(&grant);
    let by_key = Revocation { grant_id: None, key: Some(grant.key), ..revocation.clone() };
    let mut report = scene.progress(&sealed).with_message("half");
    report.percent = Some(50.0);
    let contents = [b"1".as_slice(), b"\xff"].map(Content::from_bytes);
    let reports = contents.map(|content| report.clone().with_output(content.clone()).with_checkpoint(content));

    assert_documented(&[grant]);
    assert_documented(&[revocation, by_key]);
    assert_documented(&[scene.guard()]);
    assert_documented(&reports);
    assert_documented(&[spec, bytes]);
    assert_documented(&[failed, done]);
    assert_documented(&[Request::new("/m", scene.colony.id(), "b", scene.now, b"")]);
}

/// Asserts that the table under the document's payload type has a row for each field of these, and no other row.
fn assert_documented<D: Document>(documents: &[D]) {
    let section =
        PROTOCOL.split("\n#").find(|part| part.lines().next().is_some_and(|title| title.contains(D::PAYLOAD_TYPE)));
    let rows = section.unwrap_or_default().lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let documented: BTreeSet<_> = rows.map(str::to_owned).collect();
    let fields = documents.iter().flat_map(|document| value(document).as_object().cloned().unwrap_or_default());
    assert_eq!(documented, fields.map(|(name, _)| name).collect::<BTreeSet<_>>(), "{}", D::PAYLOAD_TYPE);
}

#[test]
fn the_documented_bounds_are_those_of_the_code() {
    let plain = PROTOCOL.replace(',', "");
    for (words, bound) in [
        ("milliseconds 0 to {}", limits::DURATION_MAX_MS),
        ("1 to {} letters", limits::NAME_CHARS_MAX as i64),
        ("two lists of at most {} entries", limits::SCOPE_ENTRIES_MAX as i64),
        ("list of at most {} names", limits::EXECUTOR_NAMES_MAX as i64),
        ("at most {}; keys are names", limits::MAP_ENTRIES_MAX as i64),
        ("values at most {} bytes", limits::VALUE_BYTES_MAX as i64),
        ("{} levels deep", limits::JSON_DEPTH_MAX as i64),
        ("at most {} bytes without NUL; required", limits::FAILURE_BYTES_MAX as i64),
        ("1 to {} bytes without control characters or `*`", limits::LIMIT_KEY_BYTES_MAX as i64),
        ("at most {} names all of which", limits::TAGS_MAX as i64),
        ("0 to {} whole", limits::GPUS_MAX.into()),
        ("text of at most {} bytes", limits::QUANTITY_BYTES_MAX as i64),
        ("at most {} objects", limits::GUARD_RULES_MAX as i64),
        ("at most {} patterns together", limits::GUARD_PATTERNS_MAX as i64),
        ("expression of 1 to {} bytes", limits::GUARD_PATTERN_BYTES_MAX as i64),
        ("JSON Pointer (RFC 6901) of at most {} bytes", limits::GUARD_POINTER_BYTES_MAX as i64),
        ("a JSON Schema at most {} bytes", limits::GUARD_SCHEMA_BYTES_MAX as i64),
        ("−{} to", limits::PRIORITY_MAX.into()),
        ("0 to {} or −1", limits::RETRIES_MAX.into()),
    ] {
        let words = words.replace("{}", &bound.to_string());
        assert!(plain.contains(&words), "docs/protocol.md does not say {words:?}");
    }
    let days = limits::SUBMIT_BY_MAX.as_secs() / (24 * 3600);
    assert!(plain.contains(&format!("0 to {days} days after the making")));
    assert_eq!((limits::DOCUMENT_BYTES_MAX, limits::CONTENT_BYTES_MAX), (2 << 20, 1 << 20));
}
