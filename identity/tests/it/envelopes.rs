//! DSSE: the signed encoding and the JSON form.

use apiary_identity::{Document as _, Envelope, EnvelopeError, Grant, KeyPair, Request, Spec};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Scene, seal, spoil};

#[test]
fn the_encoding_is_the_dsse_protocols_own_example() {
    let envelope = signed("http://example.com/HelloWorld", b"hello world");
    assert_eq!(envelope.encoding(), b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
}

#[test]
fn lengths_are_bytes_in_decimal() {
    assert_eq!(signed("", b"").encoding(), b"DSSEv1 0  0 ");
    assert_eq!(signed("ä", b"\xff\x00").encoding(), b"DSSEv1 2 \xc3\xa4 2 \xff\x00");
}

#[test]
fn bytes_cannot_be_moved_between_type_and_payload() {
    let one = signed("a", b"b 1 c");
    let other = Envelope { payload_type: "a 5 b".to_owned(), payload: Bytes::from_static(b"c"), ..one.clone() };
    assert!(one.verify().is_ok());
    assert_eq!(other.verify(), Err(EnvelopeError::Signature(one.key_id)));
}

#[test]
fn the_digest_is_the_hash_of_the_signed_encoding_as_a_leaf() {
    use sha2::{Digest as _, Sha256};
    let envelope = signed("t", b"payload");
    let by_hand = Sha256::digest([&[0], envelope.encoding().as_slice()].concat());
    assert_eq!(envelope.digest().0, <[u8; 32]>::from(by_hand));
    assert_eq!(envelope.digest().to_string(), hex::encode(by_hand));
    // Signed again with others, it is the same document.
    let key = KeyPair::generate();
    let among = Envelope::sign_all(&key, "t", vec![Bytes::from_static(b"payload"), Bytes::from_static(b"other")]);
    assert_eq!(among[0].digest(), envelope.digest());
    assert_ne!(among[1].digest(), envelope.digest());
}

#[test]
fn the_json_form_is_dsses() {
    let envelope = signed("http://example.com/HelloWorld", b"hello world");
    let json: Value = serde_json::from_slice(&envelope.to_json()).unwrap();
    let expected = json!({
        "payloadType": "http://example.com/HelloWorld",
        "payload": "aGVsbG8gd29ybGQ=",
        "signatures": [{ "keyid": envelope.key_id.to_string(), "sig": STANDARD.encode(envelope.signature.as_bytes()) }],
    });
    assert_eq!(json, expected);
}

#[test]
fn both_alphabets_are_read() {
    // 0xfb 0xff is `+/8=` in one and `-_8=` in the other.
    let envelope = signed("t", b"\xfb\xff");
    for engine in [STANDARD, URL_SAFE] {
        let json = form(&envelope, &engine.encode(&envelope.payload), &engine.encode(envelope.signature.as_bytes()));
        assert_eq!(Envelope::from_json(json.to_string().as_bytes()), Ok(envelope.clone()));
    }
}

#[test]
fn base64_has_one_spelling() {
    let envelope = signed("t", b"\xfb\xff");
    let sig = STANDARD.encode(envelope.signature.as_bytes());
    let unpadded = [STANDARD_NO_PAD.encode(b"\xfb\xff"), URL_SAFE_NO_PAD.encode(b"\xfb\xff")];
    for payload in ["+_8=", "+/9=", "+/8=\n", "+/ 8=", "+/8==", "=", unpadded[0].as_str(), &unpadded[1]] {
        let error = from(&form(&envelope, payload, &sig)).unwrap_err();
        assert!(error.to_string().contains("`payload` is not base64"), "{payload:?}: {error}");
        assert!(error.to_string().contains("one line"), "{payload:?}: {error}");
    }
    // The error is that of the alphabet in which the text is written.
    assert!(from(&form(&envelope, "+/8", &sig)).unwrap_err().to_string().contains("adding"));
    let error = from(&form(&envelope, "+/8=", "?")).unwrap_err();
    assert!(error.to_string().contains("`sig` is not base64"), "{error}");
}

#[test]
fn exactly_one_signature_of_64_bytes_is_wanted() {
    let envelope = signed("t", b"{}");
    let good: Value = serde_json::from_slice(&envelope.to_json()).unwrap();
    for count in [0, 2, 3, 1000] {
        let mut bad = good.clone();
        bad["signatures"] = Value::Array(vec![good["signatures"][0].clone(); count]);
        assert_eq!(from(&bad), Err(EnvelopeError::SignatureCount(count)));
    }
    for length in [0, 63, 65, 4096] {
        let bad = form(&envelope, "e30=", &STANDARD.encode(vec![0; length]));
        assert_eq!(from(&bad), Err(EnvelopeError::SignatureLength(length)));
    }
}

#[test]
fn what_later_versions_may_add_is_ignored() {
    let envelope = signed("t", b"{}");
    let mut json: Value = serde_json::from_slice(&envelope.to_json()).unwrap();
    json["later"] = json!({ "deep": [[[{}]]] });
    json["signatures"][0]["cert"] = json!("…");
    assert_eq!(from(&json), Ok(envelope.clone()));
    let deep = format!("{{\"junk\":{}{},{}", "[".repeat(100_000), "]".repeat(100_000), &json.to_string()[1..]);
    let read = std::thread::Builder::new().stack_size(256 * 1024).spawn(move || Envelope::from_json(deep.as_bytes()));
    assert_eq!(read.unwrap().join().unwrap(), Ok(envelope));
}

#[test]
fn what_is_not_the_form_is_refused() {
    let envelope = signed("t", b"{}");
    let good: Value = serde_json::from_slice(&envelope.to_json()).unwrap();
    for name in ["payloadType", "payload", "signatures"] {
        for bad in [Value::Null, json!(1), json!({}), json!(["x"])] {
            let mut json = good.clone();
            json[name] = bad;
            assert!(matches!(from(&json), Err(EnvelopeError::Json(_))), "{name}");
        }
        let twice = format!("{{\"{name}\":{},{}", good[name], &good.to_string()[1..]);
        let error = Envelope::from_json(twice.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("duplicate field"), "{error}");
    }
    let entry = &good["signatures"][0];
    let in_order = json!([good["payloadType"], good["payload"], good["signatures"]]);
    let mut signature_in_order = good.clone();
    signature_in_order["signatures"] = json!([[entry["keyid"], entry["sig"]]]);
    for json in [in_order, signature_in_order, json!([]), json!(null), json!("x")] {
        let error = from(&json).unwrap_err();
        assert!(matches!(error, EnvelopeError::Json(_)), "{json}");
        assert!(error.to_string().contains("expected {\"payloadType\""), "{error}");
    }
    let mut nobody = good.clone();
    nobody["signatures"][0]["keyid"] = json!("");
    assert!(matches!(from(&nobody), Err(EnvelopeError::KeyId(_))));
}

#[test]
fn an_error_does_not_carry_the_senders_megabytes_back() {
    let long = "x".repeat(1_000_000);
    let key = KeyPair::generate();
    for payload in
        [format!("{{\"{long}\":1}}"), format!("{{\"colony\":[\"{long}\"]}}"), format!("{{\"role\":\"{long}\"}}")]
    {
        let envelope = Envelope::sign(&key, Grant::PAYLOAD_TYPE, payload.into());
        let words = envelope.open::<Grant>().unwrap_err().to_string();
        assert!(words.len() < 600, "{} bytes", words.len());
    }
    let words = signed(&long, b"{}").open::<Spec>().unwrap_err().to_string();
    assert!(words.len() < 600, "{} bytes", words.len());
    let words = Envelope::from_json(format!("{{\"payload\":{{\"{long}\\n\":1}}}}").as_bytes()).unwrap_err().to_string();
    assert!(words.len() < 600, "{} bytes", words.len());
    let field = Envelope::sign(&key, Grant::PAYLOAD_TYPE, Bytes::from_static(b"{\"a\\n\\u001b[31m\":1}"));
    let words = field.open::<Grant>().unwrap_err().to_string();
    assert!(!words.contains(char::is_control), "{words:?}");
}

#[test]
fn a_document_opens_as_what_it_was_signed_as_alone() {
    let scene = Scene::new();
    let spec = seal(&scene.user, &scene.spec());
    assert!(matches!(spec.open::<Grant>(), Err(EnvelopeError::Type { expected: Grant::PAYLOAD_TYPE, .. })));
    // The same bytes under another type fail, because the type is signed too.
    let relabelled = Envelope { payload_type: Request::PAYLOAD_TYPE.to_owned(), ..spec.clone() };
    assert_eq!(relabelled.open::<Request>(), Err(EnvelopeError::Signature(spec.key_id)));
}

#[test]
fn nothing_is_read_before_the_signature_holds() {
    let scene = Scene::new();
    let mut envelope = Envelope::sign(&scene.user, Spec::PAYLOAD_TYPE, Bytes::from_static(b"not even JSON"));
    assert!(matches!(envelope.open::<Spec>(), Err(EnvelopeError::Document(_))));
    spoil(&mut envelope);
    assert!(matches!(envelope.open::<Spec>(), Err(EnvelopeError::Signature(_))));
}

#[test]
fn what_is_checked_cannot_be_signed_by_oversight() {
    let scene = Scene::new();
    let mut spec = scene.spec();
    spec.priority = 50_001;
    assert!(matches!(Envelope::seal(&scene.user, &spec), Err(EnvelopeError::Document(_))));
}

proptest! {
    #[test]
    fn any_envelope_round_trips(payload_type: String, payload: Vec<u8>) {
        let envelope = signed(&payload_type, &payload);
        let read = Envelope::from_json(&envelope.to_json()).unwrap();
        prop_assert!(read.verify().is_ok());
        prop_assert_eq!(read.digest(), envelope.digest());
        prop_assert_eq!(read, envelope);
    }

    #[test]
    fn a_changed_byte_of_the_json_form_is_found_or_means_the_same(at: prop::sample::Index, byte: u8) {
        let envelope = signed("application/vnd.apiary.spec.v1+json", b"{\"colony\":\"somebody\"}");
        let mut json = envelope.to_json();
        let at = at.index(json.len());
        json[at] = byte;
        match Envelope::from_json(&json) {
            Ok(read) if read == envelope => prop_assert!(read.verify().is_ok()),
            Ok(read) => prop_assert!(read.verify().is_err()),
            Err(_) => {}
        }
    }
}

fn signed(payload_type: &str, payload: &[u8]) -> Envelope {
    Envelope::sign(&KeyPair::generate(), payload_type, Bytes::copy_from_slice(payload))
}

fn from(json: &Value) -> Result<Envelope, EnvelopeError> {
    Envelope::from_json(json.to_string().as_bytes())
}

fn form(envelope: &Envelope, payload: &str, sig: &str) -> Value {
    json!({
        "payloadType": envelope.payload_type,
        "payload": payload,
        "signatures": [{ "keyid": envelope.key_id.to_string(), "sig": sig }],
    })
}
