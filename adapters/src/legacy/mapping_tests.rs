//! Tests the mapping of rows to tasks.

use apiary_identity::limits::CONTENT_BYTES_MAX;
use apiary_identity::{KeyPair, Spec};
use proptest::prelude::*;
use serde_json::json;
use uuid::ContextV7;

use super::super::limits::RETENTION_MS;
use super::*;

fn mapping() -> Mapping {
    Mapping { executor_type: Some("worker".to_owned()), ..Mapping::new("old").unwrap() }
}

fn task_of(mapping: &Mapping, row: &str) -> Result<Task, String> {
    mapping.task(&Fields::read(row)?)
}

fn spec_of(mapping: &Mapping, row: &str) -> Result<Spec, String> {
    task_of(mapping, row)?.spec(KeyPair::generate().id(), Timestamp::UNIX_EPOCH, &ContextV7::new())
}

#[test]
fn a_row_becomes_a_spec() {
    let row = json!({
        "id": "9d1c8c1e-6e4c-4a8e-9a53-0a4f6f1d2b11", "status": "pending", "priority": "critical",
        "command": {"function": "report.send", "args": {"to": "ada"}}, "max_retries": 7, "retry_count": 2,
        "created_at": "2024-05-01T10:00:00+00:00", "executor_type": "mailer", "assigned_to": "w1", "colony": "shop",
    });
    let spec = spec_of(&mapping(), &row.to_string()).unwrap();
    assert_eq!((spec.function.as_str(), spec.executor_type.as_str()), ("report.send", "mailer"));
    assert_eq!(spec.args().to_bytes().unwrap(), r#"{"to":"ada"}"#);
    assert_eq!((spec.priority, spec.max_retries, spec.not_before), (10, 7, None));
    assert_eq!(spec.idempotency_key.as_deref(), Some("colony_tasks:old:9d1c8c1e-6e4c-4a8e-9a53-0a4f6f1d2b11"));
    assert_eq!(spec.idempotency_retention_ms, RETENTION_MS);
    let labels: Vec<(&str, &str)> = spec.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        labels,
        [
            ("legacy_assigned_to", "w1"),
            ("legacy_colony", "shop"),
            ("legacy_created_at", "2024-05-01T10:00:00+00:00"),
            ("legacy_id", "9d1c8c1e-6e4c-4a8e-9a53-0a4f6f1d2b11"),
            ("legacy_retry_count", "2"),
            ("legacy_source", "old"),
            ("legacy_status", "pending"),
        ]
    );
}

#[test]
fn a_row_needs_no_more_than_id_status_and_a_function_from_somewhere() {
    let spec = spec_of(&mapping(), r#"{"id":7,"status":"queued","command":"{\"type\":\"f\"}"}"#).unwrap();
    assert_eq!((spec.function.as_str(), spec.executor_type.as_str(), spec.priority), ("f", "worker", 0));
    assert_eq!(spec.max_retries, 3, "the default of every spec");
    assert_eq!(spec.idempotency_key.as_deref(), Some("colony_tasks:old:7"));
    let mapping = Mapping { function: Some("g".to_owned()), ..mapping() };
    assert_eq!(spec_of(&mapping, r#"{"id":7,"status":"queued"}"#).unwrap().function, "g");
}

#[test]
fn the_key_depends_on_source_and_id_alone() {
    let key = |mapping: &Mapping, row: &str| spec_of(mapping, row).unwrap().idempotency_key;
    let first = key(&mapping(), r#"{"id":7,"status":"queued","function":"f"}"#);
    assert_eq!(first, key(&mapping(), r#"{"id":"7","status":"RETRY","function":"f","priority":3,"command":"{}"}"#));
    let other = Mapping { executor_type: Some("worker".to_owned()), ..Mapping::new("other").unwrap() };
    assert_ne!(first, key(&other, r#"{"id":7,"status":"queued","function":"f"}"#));
}

#[test]
fn specs_made_at_the_same_time_keep_their_order() {
    let (task, context) = (task_of(&mapping(), r#"{"id":7,"function":"f"}"#).unwrap(), ContextV7::new());
    let id = |_| task.spec(KeyPair::generate().id(), Timestamp::UNIX_EPOCH, &context).unwrap().process_id;
    assert!((0..1000).map(id).collect::<Vec<_>>().is_sorted(), "the broker orders by id what came at the same time");
}

#[test]
fn a_status_decides_what_is_done() {
    let submits = |mapping: &Mapping, status: &str| mapping.submits(RowStatus::of(status));
    assert!(submits(&mapping(), "waiting"));
    assert!(!submits(&mapping(), "running"));
    assert!(submits(&Mapping { include_running: true, ..mapping() }, "running"));
    for status in ["dead", "done", "paused", ""] {
        assert!(!submits(&Mapping { include_running: true, ..mapping() }, status), "{status}");
    }
    assert_eq!(Mapping::status(&Fields::read(r#"{"id":1}"#).unwrap()).as_deref(), Ok(""));
    assert!(Mapping::status(&Fields::read(r#"{"status":["pending"]}"#).unwrap()).unwrap_err().contains("`status`"));
}

#[test]
fn only_rows_of_the_colony_that_is_asked_for_are_taken() {
    let is_ours = |mapping: &Mapping, row: &str| mapping.is_ours(&Fields::read(row).unwrap());
    let shop = Mapping { from_colony: Some("shop".to_owned()), ..mapping() };
    for (row, ours) in [
        (r#"{"colony":"shop"}"#, true),
        (r#"{"colony":"bank"}"#, false),
        (r#"{"colony":null}"#, false),
        (r#"{"colony":3}"#, false),
        ("{}", false),
    ] {
        assert_eq!(is_ours(&shop, row), Ok(ours), "{row}");
        assert_eq!(is_ours(&mapping(), row), Ok(true), "{row}");
    }
}

#[test]
fn a_row_that_must_wait_waits() {
    let at = |column: &str, time: &str| {
        let row = json!({"id": 1, "status": "pending", "function": "f", column: time}).to_string();
        spec_of(&mapping(), &row).map(|spec| spec.not_before.unwrap().to_string())
    };
    for column in TIME_COLUMNS {
        assert_eq!(at(column, "2030-01-02T03:04:05+00:00").as_deref(), Ok("2030-01-02T03:04:05Z"), "{column}");
    }
    assert_eq!(at("run_at", "2030-01-02T03:04:05").as_deref(), Ok("2030-01-02T03:04:05Z"), "UTC");
    assert_eq!(at("run_at", "2030-01-02 03:04:05+02").as_deref(), Ok("2030-01-02T01:04:05Z"));
    for time in ["infinity", "tomorrow", "1767323045"] {
        assert!(at("run_at", time).unwrap_err().contains("`run_at`"), "{time}");
    }
}

#[test]
fn what_the_spec_does_not_carry_is_named() {
    let row = r#"{"id":1,"status":"pending","command":{"function":"f","args":1,"ttl":3},"executor_type":"a","executor":"b",
        "result":{},"updated_at":"x","error":null}"#;
    let task = task_of(&mapping(), row).unwrap();
    assert_eq!(
        task.left_out,
        ["column `executor`", "column `result`", "column `updated_at`", "key `ttl` of `command`"]
    );
}

#[test]
fn a_bad_row_is_refused_by_what_is_wrong_with_it() {
    let long = "x".repeat(5000);
    for (row, named) in [
        (json!({"status": "pending", "function": "f"}), "`id`"),
        (json!({"id": {}, "status": "pending", "function": "f"}), "`id`"),
        (json!({"id": 1.5, "status": "pending", "function": "f"}), "`id`"),
        (json!({"id": long, "status": "pending", "function": "f"}), "`id`"),
        (json!({"id": "a\0b", "status": "pending", "function": "f"}), "`id`"),
        (json!({"id": 1, "status": ["pending"], "function": "f"}), "`status`"),
        (json!({"id": 1, "status": "pending"}), "function"),
        (json!({"id": 1, "status": "pending", "function": "send the mail"}), "function"),
        (json!({"id": 1, "status": "pending", "function": "f", "executor": "a b"}), "executor_type"),
        (json!({"id": 1, "status": "pending", "function": "f", "priority": "soon"}), "`priority`"),
        (json!({"id": 1, "status": "pending", "function": "f", "priority": 50001}), "`priority`"),
        (json!({"id": 1, "status": "pending", "function": "f", "max_retries": -2}), "max_retries"),
        (json!({"id": 1, "status": "pending", "function": "f", "max_retries": "many"}), "`max_retries`"),
        (json!({"id": 1, "status": "pending", "function": "f", "created_at": long}), "`created_at`"),
        (json!({"id": 1, "status": "pending", "function": "f", "command": "x".repeat(50)}), "`command`"),
        (
            json!({"id": 1, "status": "pending", "function": "f", "command": {"args": "x".repeat(CONTENT_BYTES_MAX)}}),
            "args",
        ),
    ] {
        let problem = spec_of(&mapping(), &row.to_string()).unwrap_err();
        assert!(problem.contains(named) && problem.len() < 400, "{named}: {problem}");
    }
}

#[test]
fn a_source_has_a_plain_name() {
    for name in ["", "a b", "a:b", "ä", &"x".repeat(65)] {
        assert!(Mapping::new(name).is_err(), "{name}");
    }
}

proptest! {
    /// Arbitrary values in a row lead to an error or to a spec that can be signed.
    #[test]
    fn no_row_can_break_the_mapping(
        values in proptest::collection::btree_map(
            proptest::sample::select(COLUMNS.to_vec()),
            prop_oneof![
                Just(json!("pending")), Just(json!(null)), any::<i64>().prop_map(|n| json!(n)), ".*".prop_map(|s| json!(s)),
                any::<f64>().prop_map(|n| json!(n)), Just(json!({"function": "f", "args": [1]})), Just(json!([[]])),
            ],
            0..16,
        )
    ) {
        let row = serde_json::to_string(&values).unwrap();
        if let Ok(spec) = spec_of(&mapping(), &row) {
            prop_assert!(spec.idempotency_key.is_some_and(|key| key.starts_with("colony_tasks:old:")));
        }
    }
}
