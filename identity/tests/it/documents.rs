//! Rules common to every kind of document.

use apiary_identity::limits::DOCUMENT_BYTES_MAX;
use apiary_identity::{
    Document, Envelope, EnvelopeError, Grant, Guard, KeyPair, Outcome, Progress, Request, Revocation, Spec,
};
use bytes::Bytes;
use serde_json::json;

use crate::support::{Scene, assert_refused, assert_strict, seal, spoil, value};

fn request(scene: &Scene) -> Request {
    Request::new("/apiary.v1.LeaseService/Claim", scene.colony.id(), "broker", scene.now, b"message")
}

#[test]
fn a_misspelt_missing_or_doubled_field_is_refused() {
    let scene = Scene::new();
    let outcome = scene.outcome(&seal(&scene.user, &scene.spec()));
    assert_strict(
        &scene.user_grant(),
        &["colony", "grant_id", "key", "role", "name", "scopes", "valid_from", "valid_until"],
    );
    assert_strict(&scene.spec(), &["colony", "process_id", "submit_by", "function", "executor_type"]);
    assert_strict(&outcome, &["colony", "process_id", "attempt", "spec_digest", "outcome", "finished_at"]);
    let progress = scene.progress(&seal(&scene.user, &scene.spec()));
    assert_strict(&progress, &["colony", "process_id", "attempt", "spec_digest", "number", "at"]);
    assert_strict(&scene.revocation(&scene.user_grant()), &["colony", "revocation_id", "from"]);
    assert_strict(&scene.guard(), &["colony", "version", "made_at", "rules"]);
    assert_strict(&request(&scene), &["method", "colony", "broker_id", "time", "nonce", "message_sha256"]);
}

#[test]
fn a_time_is_written_as_rfc_3339_has_it() {
    fn strict<D: Document + std::fmt::Debug>(document: &D, fields: &[&str]) {
        let good = value(document);
        for field in fields {
            for loose in ["2026-11-29T10Z", "2026-11-29T10:00:00+00", "2026-11-29T10:00:00Z[UTC]", "2026-11-29", ""] {
                assert_refused::<D>(&good, field, json!(loose), "is not a time");
            }
            assert_refused::<D>(&good, field, json!(1_764_410_400), "invalid type");
        }
    }
    let scene = Scene::new();
    let sealed = seal(&scene.user, &scene.spec());
    strict(&scene.user_grant(), &["valid_from", "valid_until"]);
    strict(&scene.spec(), &["submit_by", "not_before"]);
    strict(&scene.outcome(&sealed), &["finished_at"]);
    strict(&scene.progress(&sealed), &["at"]);
    strict(&scene.revocation(&scene.user_grant()), &["from"]);
    strict(&scene.guard(), &["made_at"]);
    strict(&request(&scene), &["time"]);
}

#[test]
fn a_document_prints_and_reads_back_the_same() {
    fn same<D: Document>(document: &D) {
        let json = document.to_json().unwrap();
        assert_eq!(D::from_json(&json).unwrap().to_json().unwrap(), json);
    }
    let scene = Scene::new();
    same(&scene.user_grant());
    same(&scene.spec());
    same(&scene.outcome(&seal(&scene.user, &scene.spec())));
    same(&scene.progress(&seal(&scene.user, &scene.spec())));
    same(&scene.revocation(&scene.user_grant()));
    same(&scene.guard());
    same(&request(&scene));
}

#[test]
fn a_document_larger_than_the_bound_is_refused_before_its_signature_is_checked() {
    fn oversized<D: Document>() -> EnvelopeError {
        let payload = Bytes::from(vec![b' '; DOCUMENT_BYTES_MAX + 1]);
        let mut envelope = Envelope::sign(&KeyPair::generate(), D::PAYLOAD_TYPE, payload);
        spoil(&mut envelope);
        envelope.open::<D>().err().unwrap()
    }
    let signed_by_executors = [oversized::<Progress>(), oversized::<Outcome>()];
    let signed_by_colonies = [oversized::<Grant>(), oversized::<Revocation>(), oversized::<Guard>()];
    let others = [oversized::<Spec>(), oversized::<Request>()];
    for error in signed_by_colonies.into_iter().chain(signed_by_executors).chain(others) {
        let words = error.to_string();
        assert!(words.contains("has 2097153 bytes, the most is 2097152"), "{words}");
    }
}

#[test]
fn a_document_of_the_largest_size_is_read() {
    let scene = Scene::new();
    let mut json = scene.spec().to_json().unwrap();
    json.resize(DOCUMENT_BYTES_MAX, b' ');
    assert!(Spec::from_json(&json).is_ok());
}

#[test]
fn null_in_an_optional_field_is_the_same_as_leaving_it_out() {
    let scene = Scene::new();
    let mut json = value(&scene.spec());
    for name in ["not_before", "idempotency_key", "traceparent", "args_base64"] {
        json[name] = json!(null);
    }
    let spec = Spec::from_json(json.to_string().as_bytes()).unwrap();
    assert_eq!((spec.not_before, spec.idempotency_key, spec.traceparent), (None, None, None));
    for name in ["labels", "env", "executor_names", "priority", "max_retries", "backoff", "max_wait_ms"] {
        let mut json = value(&scene.spec());
        json[name] = json!(null);
        assert!(Spec::from_json(json.to_string().as_bytes()).is_err(), "{name}");
    }
}
