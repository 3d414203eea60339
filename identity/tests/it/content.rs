//! Arguments and outputs keep every byte.

#![expect(clippy::unwrap_used, reason = "a step that fails fails its test")]

use apiary_identity::limits::{CONTENT_BYTES_MAX, JSON_DEPTH_MAX};
use apiary_identity::{Content, Document as _, Outcome, Spec};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Scene, assert_refused, refusal, seal, value};

/// Returns the bytes after a round trip through a signed spec and a signed result.
fn through(bytes: &[u8]) -> [Vec<u8>; 2] {
    let scene = Scene::new();
    let spec = seal(&scene.user, &scene.spec().with_args(Content::from_bytes(bytes)));
    let asked: Spec = spec.open().unwrap();
    let output = Content::from_bytes(bytes);
    let result = Outcome::succeeded(scene.colony.id(), asked.process_id, 1, spec.digest(), scene.now, output);
    let result: Outcome = seal(&scene.executor, &result).open().unwrap();
    [asked.args().to_bytes().unwrap().to_vec(), result.output().to_bytes().unwrap().to_vec()]
}

#[test]
fn bytes_that_are_almost_json_come_back_as_they_were() {
    let cases: &[&[u8]] = &[
        b"",
        b" ",
        b"\n",
        b"null",
        b" null",
        b"null\n",
        b"{}",
        b"{ }",
        b"[1 , 2]",
        b"\"\\u0000\"",
        b"\"\\ud800\"",
        b"1e400",
        b"-0",
        b"1.0",
        b"100000000000000000000000",
        b"{\"a\":1,\"a\":2}",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe",
        b"\0",
        b"\"\xff\"",
        b"nul",
        b"{}{}",
        b"NaN",
        b"e30=",
        "\"\u{2028}\"".as_bytes(),
    ];
    for bytes in cases {
        assert_eq!(through(bytes), [bytes.to_vec(), bytes.to_vec()], "{:?}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn json_is_kept_readable_and_all_else_as_base64() {
    let scene = Scene::new();
    for (bytes, inline) in [(br#"{"a": 1}"#.as_slice(), true), (b"null", true), (b"{} ", false), (b"\xff", false)] {
        let json = value(&scene.spec().with_args(Content::from_bytes(bytes)));
        assert_eq!((json.get("args").is_some(), json.get("args_base64").is_some()), (inline, !inline));
    }
    let json = value(&scene.spec().with_args(Content::from_bytes(b"")));
    assert_eq!((json.get("args"), json.get("args_base64")), (None, None));
}

#[test]
fn null_is_an_argument_and_no_argument_is_none() {
    let scene = Scene::new();
    let mut json = value(&scene.spec());
    json["args"] = Value::Null;
    let spec = Spec::from_json(json.to_string().as_bytes()).unwrap();
    assert_eq!(spec.args().to_bytes().unwrap(), "null");
    json.as_object_mut().unwrap().remove("args");
    let spec = Spec::from_json(json.to_string().as_bytes()).unwrap();
    assert_eq!(spec.args().to_bytes().unwrap(), "");
    json["args_base64"] = Value::Null;
    let spec = Spec::from_json(json.to_string().as_bytes()).unwrap();
    assert_eq!(spec.args().to_bytes().unwrap(), "");
}

#[test]
fn one_form_excludes_the_other() {
    let mut json = value(&Scene::new().spec());
    for args in [json!({}), Value::Null] {
        json["args"] = args;
        assert_refused::<Spec>(&json, "args_base64", json!(""), "exclude each other");
    }
}

#[test]
fn ill_formed_base64_is_refused_by_its_fields_name() {
    let mut json = value(&Scene::new().spec());
    json.as_object_mut().unwrap().remove("args");
    for bad in ["?", "e30", "e30=\n", "-_8=", "e31="] {
        assert_refused::<Spec>(&json, "args_base64", json!(bad), "`args_base64`");
    }
}

#[test]
fn content_has_a_largest_size_in_either_form() {
    let scene = Scene::new();
    let text = |length: usize| format!("\"{}\"", "x".repeat(length - 2)).into_bytes();
    for bytes in [text(CONTENT_BYTES_MAX), vec![0xff; CONTENT_BYTES_MAX]] {
        assert_eq!(through(&bytes)[0].len(), CONTENT_BYTES_MAX);
    }
    for bytes in [text(CONTENT_BYTES_MAX + 1), vec![0xff; CONTENT_BYTES_MAX + 1]] {
        let words = scene.spec().with_args(Content::from_bytes(&bytes)).to_json().unwrap_err().to_string();
        assert!(words.contains("`args` has 1048577 bytes") && words.contains("keep the bytes elsewhere"), "{words}");
    }
}

#[test]
fn nesting_that_readers_give_up_at_goes_as_base64() {
    let nested = |levels: usize| [b"[".repeat(levels), b"]".repeat(levels)].concat();
    for levels in [1, JSON_DEPTH_MAX, JSON_DEPTH_MAX + 1, 100_000] {
        let bytes = nested(levels);
        let json = value(&Scene::new().spec().with_args(Content::from_bytes(&bytes)));
        assert_eq!(json.get("args").is_some(), levels <= JSON_DEPTH_MAX, "{levels} levels");
        assert_eq!(through(&bytes)[0], bytes);
    }
    // At the bound, a generic reader can still read the document inside an answer.
    let document = Scene::new().spec().with_args(Content::from_bytes(&nested(JSON_DEPTH_MAX))).to_json().unwrap();
    let answer = format!("{}{}{}", "[".repeat(20), String::from_utf8(document).unwrap(), "]".repeat(20));
    assert!(serde_json::from_str::<Value>(&answer).is_ok());
}

#[test]
fn deep_nesting_sent_inline_is_refused_with_advice() {
    let spec = Scene::new().spec().with_args(Content::from_bytes(b"\"HERE\""));
    let spec = String::from_utf8(spec.to_json().unwrap()).unwrap();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}0{}", open.repeat(100_000), close.repeat(100_000));
        let words = refusal::<Spec>(spec.replacen("\"HERE\"", &deep, 1));
        assert!(words.contains("nests 100000 levels") && words.contains("send it as `args_base64`"), "{words}");
    }
    let in_strings = format!("\"{}\\\"[[[\"", "[{".repeat(1000));
    assert!(Spec::from_json(spec.replacen("\"HERE\"", &in_strings, 1).as_bytes()).is_ok());
}

proptest! {
    #[test]
    fn any_bytes_round_trip(bytes: Vec<u8>) {
        prop_assert_eq!(Content::from_bytes(&bytes).to_bytes().unwrap(), bytes.clone());
        prop_assert_eq!(through(&bytes), [bytes.clone(), bytes]);
    }

    #[test]
    fn anything_like_json_round_trips(text in r#"[ \n]?[\[\]{}0-9,:."a-z\\eE+-]{0,24}[ \n]?"#) {
        let [args, output] = through(text.as_bytes());
        prop_assert_eq!(args, text.as_bytes());
        prop_assert_eq!(output, text.as_bytes());
    }
}
