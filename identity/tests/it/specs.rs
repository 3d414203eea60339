//! Specs: every bound is enforced.

use apiary_identity::limits::DURATION_MAX_MS;
use apiary_identity::{Backoff, Document as _, OnFailed, Spec};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::support::{Scene, assert_refused, refusal, value};

#[test]
fn the_least_that_can_be_said_has_the_documented_defaults() {
    let scene = Scene::new();
    let full = value(&scene.spec());
    let least: Map<_, _> = ["colony", "process_id", "submit_by", "function", "executor_type"]
        .map(|name| (name.to_owned(), full[name].clone()))
        .into_iter()
        .collect();
    let spec = Spec::from_json(Value::Object(least).to_string().as_bytes()).unwrap();
    assert_eq!((spec.priority, spec.max_wait_ms, spec.max_exec_ms, spec.max_retries), (0, 0, 0, 3));
    assert_eq!(spec.idempotency_retention_ms, 30 * 24 * 3600 * 1000);
    assert_eq!(spec.backoff, Backoff { first_ms: 1000, factor: 2.0, most_ms: 3_600_000, jitter: 0.2 });
    assert!(spec.labels.is_empty() && spec.env.is_empty() && spec.executor_names.is_empty());
    assert_eq!(spec.args().to_bytes().unwrap(), "");
    assert_eq!((spec.not_before, spec.idempotency_key, spec.traceparent), (None, None, None));
    assert_eq!(spec.on_failed, OnFailed::Keep);
    assert_eq!((spec.requires.is_empty(), spec.concurrency_key, spec.rate_key), (true, None, None));
}

#[test]
fn names_are_short_and_plain() {
    let good = value(&Scene::new().spec());
    let long = "x".repeat(129);
    for bad in ["", &long, "-a", ".a", "_a", "a b", "a*", "ä", "a\n", "a\0", "a\u{200b}", &"x".repeat(1_000_000)] {
        for field in ["function", "executor_type"] {
            assert_refused::<Spec>(&good, field, json!(bad), &format!("`{field}` is 1 to 128 letters"));
        }
        assert_refused::<Spec>(&good, "executor_names", json!(["bee-1", bad]), "`executor_names`");
        assert_refused::<Spec>(&good, "labels", json!({ bad: "" }), "`labels`");
        assert_refused::<Spec>(&good, "env", json!({ bad: "" }), "`env`");
    }
    let mut json = good.clone();
    for name in ["a", "0", "a.b_c-d/e:f", &"x".repeat(128)] {
        (json["function"], json["labels"]) = (json!(name), json!({ name: "" }));
        assert!(Spec::from_json(json.to_string().as_bytes()).is_ok(), "{name}");
    }
}

#[test]
fn what_becomes_of_a_failed_process_is_one_of_two_words_and_needs_a_key() {
    let mut spec = Scene::new().spec();
    assert!(value(&spec).get("on_failed").is_none(), "what is not said stays unsaid");
    spec.idempotency_key = Some("evt_1".to_owned());
    let good = value(&spec);
    for (word, read) in [("keep", OnFailed::Keep), ("redrive", OnFailed::Redrive)] {
        let json = with(&good, "on_failed", json!(word)).to_string();
        assert_eq!(Spec::from_json(json.as_bytes()).unwrap().on_failed, read);
    }
    for bad in
        [json!(""), json!("Redrive"), json!("retry"), json!(null), json!(true), json!(1), json!({ "redrive": null })]
    {
        refusal::<Spec>(with(&good, "on_failed", bad).to_string());
    }
    spec.on_failed = OnFailed::Redrive;
    assert_eq!(value(&spec)["on_failed"], "redrive");
    spec.idempotency_key = None;
    assert!(spec.check().unwrap_err().to_string().contains("`on_failed`"));
}

#[test]
fn numbers_have_two_ends() {
    let good = value(&Scene::new().spec());
    let cases: [(&str, i64, i64, &str); 8] = [
        ("priority", -50_000, 50_000, "`priority`"),
        ("max_retries", -1, 1_000_000, "`max_retries`"),
        ("max_wait_ms", 0, DURATION_MAX_MS, "`max_wait_ms`"),
        ("max_exec_ms", 0, DURATION_MAX_MS, "`max_exec_ms`"),
        ("idempotency_retention_ms", 0, DURATION_MAX_MS, "`idempotency_retention_ms`"),
        ("backoff.first_ms", 0, DURATION_MAX_MS, "`backoff.first_ms`"),
        ("backoff.most_ms", 0, DURATION_MAX_MS, "`backoff.most_ms`"),
        ("backoff.factor", 1, 100, "`backoff.factor`"),
    ];
    for (path, least, most, words) in cases {
        for edge in [least, most] {
            assert!(Spec::from_json(with(&good, path, json!(edge)).to_string().as_bytes()).is_ok(), "{path} {edge}");
        }
        for bad in [least - 1, most + 1] {
            assert_refused::<Spec>(&good, path, json!(bad), words);
        }
        for bad in [json!("1"), json!([1]), json!(true), json!(null), json!(i64::MIN), json!(u64::MAX)] {
            refusal::<Spec>(with(&good, path, bad).to_string());
        }
    }
    for (jitter, accepted) in [(0.0, true), (-0.0, true), (1.0, true), (-0.001, false), (1.001, false)] {
        let json = with(&good, "backoff.jitter", json!(jitter)).to_string();
        assert_eq!(Spec::from_json(json.as_bytes()).is_ok(), accepted, "{jitter}");
    }
}

#[test]
fn numbers_that_no_machine_holds_are_refused() {
    let good = value(&Scene::new().spec()).to_string();
    for (from, to) in [
        (r#""factor":2.0"#, r#""factor":1e400"#),
        (r#""factor":2.0"#, r#""factor":-1e400"#),
        (r#""factor":2.0"#, r#""factor":NaN"#),
        (r#""factor":2.0"#, r#""factor":Infinity"#),
        (r#""jitter":0.2"#, r#""jitter":1e400"#),
        (r#""max_retries":3"#, r#""max_retries":1e400"#),
        (r#""max_retries":3"#, r#""max_retries":3.0"#),
        (r#""max_retries":3"#, r#""max_retries":-0"#),
        (r#""max_retries":3"#, r#""max_retries":4294967299"#),
        (r#""max_retries":3"#, r#""max_retries":99999999999999999999999999"#),
        (r#""max_retries":3"#, r#""max_retries":03"#),
        (r#""first_ms":1000"#, r#""first_ms":1e3"#),
    ] {
        assert!(good.contains(from), "{from}");
        let words = refusal::<Spec>(good.replacen(from, to, 1));
        assert!(words.contains("not valid"), "{to}: {words}");
    }
}

#[test]
fn a_backoff_that_is_no_number_cannot_be_signed() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut spec = Scene::new().spec();
        spec.backoff.factor = bad;
        assert!(spec.to_json().unwrap_err().to_string().contains("`backoff.factor`"));
        spec.backoff = Backoff { jitter: bad, ..Backoff::default() };
        assert!(spec.to_json().unwrap_err().to_string().contains("`backoff.jitter`"));
    }
}

#[test]
fn a_backoff_may_be_given_in_part_and_only_as_an_object() {
    let good = value(&Scene::new().spec());
    let json = with(&good, "backoff", json!({ "factor": 3 })).to_string();
    let spec = Spec::from_json(json.as_bytes()).unwrap();
    assert_eq!(spec.backoff, Backoff { factor: 3.0, ..Backoff::default() });
    assert_refused::<Spec>(&good, "backoff", json!({ "first": 1 }), "unknown field `first`");
    assert_refused::<Spec>(&good, "backoff", json!([1000, 2.0, 3_600_000, 0.2]), "a JSON object");
    let twice = good.to_string().replacen("\"jitter\":0.2", "\"jitter\":0.2,\"jitter\":0.3", 1);
    assert!(refusal::<Spec>(twice).contains("duplicate field `jitter`"));
}

#[test]
fn values_are_bounded_and_can_be_kept() {
    let good = value(&Scene::new().spec());
    for (field, wrap) in [
        ("labels", (|text| json!({ "a": text })) as fn(String) -> Value),
        ("env", |text| json!({ "a": text })),
        ("idempotency_key", |text| json!(text)),
        ("traceparent", |text| json!(text)),
    ] {
        let longest = with(&good, field, wrap("x".repeat(1024)));
        assert!(Spec::from_json(longest.to_string().as_bytes()).is_ok(), "{field}");
        assert_refused::<Spec>(&good, field, wrap("x".repeat(1025)), "1025 bytes, the most is 1024");
        assert_refused::<Spec>(&good, field, wrap("ä".repeat(513)), "1026 bytes, the most is 1024");
        assert_refused::<Spec>(&good, field, wrap("a\0b".to_owned()), "NUL");
    }
    for field in ["idempotency_key", "traceparent"] {
        assert_refused::<Spec>(&good, field, json!(""), "is empty: leave it out");
    }
}

#[test]
fn a_key_that_limits_are_set_on_is_short_and_plain() {
    let good = value(&Scene::new().spec());
    for field in ["concurrency_key", "rate_key"] {
        for fine in ["a", "customer 7/ä", &"x".repeat(256)] {
            assert!(Spec::from_json(with(&good, field, json!(fine)).to_string().as_bytes()).is_ok(), "{fine}");
        }
        assert_refused::<Spec>(&good, field, json!(""), &format!("`{field}` is empty: leave it out"));
        assert_refused::<Spec>(&good, field, json!("x".repeat(257)), "257 bytes, the most is 256");
        for bad in ["*", "a*", "a*b", "a\0", "a\n", "\t", "\u{85}"] {
            assert_refused::<Spec>(
                &good,
                field,
                json!(bad),
                &format!("`{field}` holds `*`, which is for limits alone"),
            );
        }
        refusal::<Spec>(with(&good, field, json!(7)).to_string());
    }
}

#[test]
fn lists_and_maps_have_an_end() {
    let good = value(&Scene::new().spec());
    let map = |count: usize| (0..count).map(|n| (format!("k{n}"), json!("v"))).collect::<Map<_, _>>();
    let list = |count: usize| vec![json!("bee"); count];
    let most = with(&with(&good, "labels", map(64).into()), "executor_names", list(64).into());
    assert!(Spec::from_json(most.to_string().as_bytes()).is_ok());
    for field in ["labels", "env"] {
        assert_refused::<Spec>(&good, field, map(65).into(), "has 65 entries, the most is 64");
    }
    assert_refused::<Spec>(&good, "executor_names", list(65).into(), "lists 65 names, the most is 64");
}

#[test]
fn parents_are_few_and_different_and_others() {
    let scene = Scene::new();
    let good = value(&scene.spec());
    let ids = |count: usize| (0..count).map(|_| json!(Uuid::new_v4())).collect::<Vec<_>>();
    assert!(scene.spec().parents.is_empty() && good.get("parents").is_none());
    assert!(Spec::from_json(with(&good, "parents", ids(64).into()).to_string().as_bytes()).is_ok());
    assert_refused::<Spec>(&good, "parents", ids(65).into(), "`parents` lists 65 processes, the most is 64");
    assert_refused::<Spec>(&good, "parents", json!([good["process_id"]]), "`parents` lists the process itself");
    let id = Uuid::new_v4();
    assert_refused::<Spec>(&good, "parents", json!([id, id]), "is listed twice");
    for bad in [json!(id), json!([id.simple().to_string()]), json!([null]), json!(null), json!({ "0": id })] {
        refusal::<Spec>(with(&good, "parents", bad).to_string());
    }
}

#[test]
fn a_label_or_variable_given_twice_is_refused_not_guessed() {
    for field in ["labels", "env"] {
        let json = with(&value(&Scene::new().spec()), field, json!({ "a": "1" })).to_string();
        let words = refusal::<Spec>(json.replacen("{\"a\":\"1\"}", "{\"a\":\"1\",\"b\":\"2\",\"a\":\"3\"}", 1));
        assert!(words.contains("duplicate") && words.contains("`a`"), "{words}");
    }
}

#[test]
fn the_process_id_is_a_uuid_of_version_7_in_its_one_form() {
    let scene = Scene::new();
    let good = value(&scene.spec());
    let id = scene.spec().process_id;
    let mut other_variant = *id.as_bytes();
    other_variant[8] |= 0xc0;
    for bad in [Uuid::nil(), Uuid::max(), Uuid::new_v4(), Uuid::from_bytes(other_variant)] {
        assert_refused::<Spec>(&good, "process_id", json!(bad.to_string()), "`process_id` is a UUID of version 7");
    }
    let bytes: Vec<_> = id.as_bytes().iter().map(|byte| json!(byte)).collect();
    for bad in [
        json!(id.simple().to_string()),
        json!(id.urn().to_string()),
        json!(id.braced().to_string()),
        json!(format!(" {id}")),
        json!(""),
        json!(bytes),
    ] {
        refusal::<Spec>(with(&good, "process_id", bad).to_string());
    }
}

#[test]
fn submit_by_is_within_thirty_days_of_the_making() {
    let scene = Scene::new();
    let (good, made_at) = (value(&scene.spec()), scene.spec().made_at().unwrap());
    assert_eq!(made_at, scene.now);
    let day = SignedDuration::from_hours(24);
    for (after, accepted) in [
        (SignedDuration::ZERO, true),
        (day * 30, true),
        (day * 30 + SignedDuration::from_nanos(1), false),
        (SignedDuration::from_nanos(-1), false),
        (SignedDuration::from_hours(-24 * 365), false),
    ] {
        let bad = with(&good, "submit_by", json!((made_at + after).to_string())).to_string();
        match Spec::from_json(bad.as_bytes()) {
            Ok(_) => assert!(accepted, "{after}"),
            Err(error) => assert!(!accepted && error.to_string().contains("`submit_by`"), "{after}: {error}"),
        }
    }
    for bad in ["", "tomorrow", "2026-11-21", "2026-11-21T12:00:00", "2026-13-01T00:00:00Z", "9999-12-31T23:59:60Z"] {
        refusal::<Spec>(with(&good, "submit_by", json!(bad)).to_string());
    }
}

#[test]
fn a_uuid_of_the_far_future_overflows_nothing() {
    // All 48 bits of time set: the year 10889, beyond the times that documents can hold.
    let far = Uuid::from_u128(0xffff_ffff_ffff_7000_8000_0000_0000_0000);
    let good = value(&Scene::new().spec());
    assert_refused::<Spec>(&good, "process_id", json!(far.to_string()), "`process_id`");
    let mut spec = Scene::new().spec();
    spec.process_id = far;
    assert_eq!(spec.made_at(), None);
    spec.process_id = Uuid::from_u128(0x7000_8000_0000_0000_0000);
    assert_eq!(spec.made_at(), Some(Timestamp::UNIX_EPOCH));
}

#[test]
fn a_spec_can_be_made_at_any_time_a_clock_can_show() {
    let colony = Scene::new().colony.id();
    for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
        let spec = Spec::new(colony, "finance", "billing.apply", now);
        assert_eq!(spec.process_id.get_version_num(), 7);
    }
    assert!(Spec::new(colony, "finance", "billing.apply", Timestamp::MAX).to_json().is_ok());
}

#[test]
fn two_specs_of_one_moment_have_two_ids() {
    let scene = Scene::new();
    assert_ne!(scene.spec().process_id, scene.spec().process_id);
}

fn with(good: &Value, path: &str, changed: Value) -> Value {
    let mut json = good.clone();
    match path.split_once('.') {
        Some((outer, inner)) => json[outer][inner] = changed,
        None => json[path] = changed,
    }
    json
}
