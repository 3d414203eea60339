//! Progress: an executor's reports before the end.

use apiary_identity::{Content, Document as _, Progress};
use serde_json::{Value, json};

use crate::support::{Scene, assert_refused, refusal, seal, value};

fn progress() -> Progress {
    let scene = Scene::new();
    scene.progress(&seal(&scene.user, &scene.spec()))
}

#[test]
fn a_report_may_say_as_little_as_it_likes() {
    let bare = progress();
    let read = Progress::from_json(&bare.to_json().unwrap()).unwrap();
    assert_eq!((read.percent, &read.message), (None, &None));
    assert!(read.output().is_none() && read.checkpoint().is_none());
    assert_eq!(value(&bare).as_object().unwrap().len(), 6);
}

#[test]
fn output_and_checkpoint_come_back_byte_by_byte() {
    for bytes in [b"{\"a\": 1.0}".as_slice(), b"null", b"\xff\0", b" 1"] {
        let content = Content::from_bytes(bytes);
        let full = progress().with_output(content.clone()).with_checkpoint(content).with_message("half");
        let read = Progress::from_json(&full.to_json().unwrap()).unwrap();
        assert_eq!(read.output().unwrap().to_bytes().unwrap(), bytes);
        assert_eq!(read.checkpoint().unwrap().to_bytes().unwrap(), bytes);
    }
}

#[test]
fn attempts_and_reports_count_from_one() {
    let good = value(&progress());
    for field in ["attempt", "number"] {
        for bad in [0, -1] {
            assert_refused::<Progress>(&good, field, json!(bad), &format!("`{field}` counts from 1; got {bad}"));
        }
        assert_refused::<Progress>(&good, field, json!(1.0), "not valid");
    }
    assert!(Progress::from_json(with(&good, "number", json!(i64::MAX)).as_bytes()).is_ok());
}

#[test]
fn percent_is_of_a_hundred() {
    let good = value(&progress());
    for edge in [json!(0), json!(100), json!(33.3)] {
        assert!(Progress::from_json(with(&good, "percent", edge).as_bytes()).is_ok());
    }
    for bad in [json!(-0.1), json!(100.1), json!(1e300)] {
        assert_refused::<Progress>(&good, "percent", bad, "`percent` is 0 to 100");
    }
    assert_refused::<Progress>(&good, "percent", json!("50"), "not valid");
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut unsigned = progress();
        unsigned.percent = Some(bad);
        assert!(unsigned.to_json().unwrap_err().to_string().contains("`percent`"));
    }
}

#[test]
fn a_message_is_cut_by_its_maker_and_bounded_for_its_reader() {
    let good = value(&progress());
    assert_refused::<Progress>(&good, "message", json!("x".repeat(1025)), "1025 bytes, the most is 1024");
    assert_refused::<Progress>(&good, "message", json!("a\0b"), "NUL");
    for long in ["x".repeat(5000), "€".repeat(500), "a\0b".to_owned()] {
        let cut = progress().with_message(&long);
        assert!(Progress::from_json(&cut.to_json().unwrap()).is_ok());
    }
}

#[test]
fn output_and_checkpoint_have_the_bounds_of_arguments() {
    let good = value(&progress().with_output(Content::from_bytes(b"1")).with_checkpoint(Content::from_bytes(b"1")));
    for field in ["output", "checkpoint"] {
        let other = format!("{field}_base64");
        assert_refused::<Progress>(&good, &other, json!(""), "exclude each other");
        assert_refused::<Progress>(
            &good,
            field,
            json!("x".repeat(1024 * 1024)),
            &format!("`{field}` has 1048578 bytes"),
        );
        let mut without = good.clone();
        without.as_object_mut().unwrap().remove(field);
        assert_refused::<Progress>(&without, &other, json!("?"), &format!("`{other}` is not base64"));
    }
    // Each alone may have the maximum size; both together exceed the document's bound.
    let large = Content::from_bytes(&[0xff; 1024 * 1024]);
    assert!(progress().with_output(large.clone()).to_json().is_ok());
    let both = progress().with_output(large.clone()).with_checkpoint(large).to_json().unwrap_err().to_string();
    assert!(both.contains("the most is 2097152"), "{both}");
}

fn with(good: &Value, field: &str, changed: Value) -> String {
    let mut json = good.clone();
    json[field] = changed;
    json.to_string()
}

#[test]
fn an_unknown_field_is_refused() {
    let words = refusal::<Progress>(with(&value(&progress()), "per_cent", json!(1)));
    assert!(words.contains("unknown field `per_cent`"), "{words}");
}
