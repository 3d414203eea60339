//! Signatures of both schemes, and what must be refused.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use jiff::Timestamp;
use sha2::Sha256;

use super::StandardConfig;
use crate::{Endpoint as _, Event, Refusal};

const TIME_S: i64 = 1_700_000_000;
const BODY: &str = r#"{"type":"contact.created","data":{}}"#;

/// A symmetric secret of these bytes, as senders show it.
fn secret(bytes: &[u8]) -> String {
    format!("whsec_{}", STANDARD.encode(bytes))
}

fn v1(key: &[u8], id: &str, time: &str, body: &str) -> String {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    hmac.update(format!("{id}.{time}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(hmac.finalize().into_bytes()))
}

fn v1a(key: &SigningKey, id: &str, time: &str, body: &str) -> String {
    format!("v1a,{}", STANDARD.encode(key.sign(format!("{id}.{time}.{body}").as_bytes()).to_bytes()))
}

struct Request<'r> {
    names: [&'static str; 3],
    id: &'r str,
    time: &'r str,
    signatures: &'r str,
    body: &'r str,
}

const NAMES: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];

fn verify(secrets: &[String], request: &Request<'_>, late_s: i64) -> Result<Event, Refusal> {
    let config = StandardConfig::new(secrets.iter().map(|secret| secret.as_str().into()).collect());
    config.check().unwrap();
    let Request { names, id, time, signatures, body } = request;
    let mut headers = HeaderMap::new();
    for (name, value) in names.iter().zip([id, time, signatures]) {
        headers.append(*name, value.parse().unwrap());
    }
    let now = Timestamp::from_second(TIME_S + late_s).unwrap();
    config.verify(&headers, body.as_bytes(), now).map(|mut events| events.remove(0))
}

#[test]
fn both_schemes_and_both_sets_of_headers_are_good() {
    let (key, time) = ([7; 32], TIME_S.to_string());
    let signing = SigningKey::from_bytes(&[9; 32]);
    let public = format!("whpk_{}", STANDARD.encode(signing.verifying_key().to_bytes()));
    let secrets = [secret(&[8; 24]), secret(&key), public];
    let (one, other) = (v1(&key, "msg_1", &time, BODY), v1a(&signing, "msg_1", &time, BODY));
    for signatures in [one.clone(), other.clone(), format!("v1,AAAA {one}"), format!("v2,x {other} v1a,=")] {
        for names in [NAMES, ["svix-id", "svix-timestamp", "svix-signature"]] {
            let request = Request { names, id: "msg_1", time: &time, signatures: &signatures, body: BODY };
            assert_eq!(verify(&secrets, &request, 0), Ok(Event::new("msg_1", "contact.created")), "{signatures}");
        }
    }
    // A public key does not verify the symmetric scheme, and the other way round.
    for (secret, signatures) in [(&secrets[2], &one), (&secrets[1], &other)] {
        let request = Request { names: NAMES, id: "msg_1", time: &time, signatures, body: BODY };
        assert_eq!(verify(std::slice::from_ref(secret), &request, 0), Err(Refusal::SignatureWrong));
    }
}

#[test]
fn id_time_and_body_are_all_signed() {
    let (key, time) = ([7; 32], TIME_S.to_string());
    let signatures = v1(&key, "msg_1", &time, BODY);
    let later = (TIME_S + 1).to_string();
    for (id, time, body) in [("msg_2", &time, BODY), ("msg_1", &later, BODY), ("msg_1", &time, "{}")] {
        let request = Request { names: NAMES, id, time, signatures: &signatures, body };
        assert_eq!(verify(&[secret(&key)], &request, 0), Err(Refusal::SignatureWrong), "{id} {time} {body}");
    }
}

#[test]
fn a_signature_is_good_for_the_tolerance_both_ways() {
    let (key, time) = ([7; 32], TIME_S.to_string());
    let signatures = v1(&key, "msg_1", &time, BODY);
    let request = Request { names: NAMES, id: "msg_1", time: &time, signatures: &signatures, body: BODY };
    for (late_s, is_good) in [(-301, false), (-300, true), (300, true), (301, false)] {
        assert_eq!(verify(&[secret(&key)], &request, late_s).is_ok(), is_good, "{late_s}");
    }
    let stale = Refusal::SignatureStale { age_s: 301, tolerance_s: 300 };
    assert_eq!(verify(&[secret(&key)], &request, 301), Err(stale));
}

#[test]
fn a_body_without_a_type_is_untyped_and_one_that_is_no_event_is_refused() {
    let (key, time) = ([7; 32], TIME_S.to_string());
    for (body, kind) in [
        (r#"{"test": 2432232314}"#, Some("untyped")),
        (r#"{"type":null}"#, Some("untyped")),
        (r#"{"type":"a.b-c_D"}"#, Some("a.b-c_D")),
        (r#"{"type":"a b"}"#, None),
        (r#"{"type":7}"#, None),
        (r#"{"type":"a","type":"b"}"#, None),
        ("", None),
        ("text", None),
        ("[]", None),
    ] {
        let signatures = v1(&key, "msg_1", &time, body);
        let request = Request { names: NAMES, id: "msg_1", time: &time, signatures: &signatures, body };
        let found = verify(&[secret(&key)], &request, 0);
        assert_eq!(found.as_ref().ok().map(|event| event.kind.as_str()), kind, "{body}: {found:?}");
    }
}

#[test]
fn headers_of_another_form_are_called_malformed() {
    let (key, time) = ([7; 32], TIME_S.to_string());
    let good = v1(&key, "msg_1", &time, BODY);
    for (id, time, signatures) in [
        ("msg:1", time.as_str(), good.as_str()),
        ("", &time, &good),
        ("msg_1", "", &good),
        ("msg_1", "-1700000000", &good),
        ("msg_1", "1700000000.5", &good),
        ("msg_1", "99999999999999999999", &good),
        ("msg_1", &time, ""),
        ("msg_1", &time, "v1"),
        ("msg_1", &time, "v2,AAAA"),
    ] {
        let found = verify(&[secret(&key)], &Request { names: NAMES, id, time, signatures, body: BODY }, 0);
        assert!(matches!(found, Err(Refusal::SignatureMalformed { .. })), "{id} {time} {signatures}: {found:?}");
    }
    let none = StandardConfig::new(vec![secret(&key).into()]);
    let found = none.verify(&HeaderMap::new(), b"", Timestamp::UNIX_EPOCH);
    assert!(matches!(found, Err(Refusal::SignatureMissing(_))), "{found:?}");
}

#[test]
fn secrets_of_another_form_are_named_by_their_position_and_not_shown() {
    let good = secret(&[7; 32]);
    let weak = format!("whpk_{}", STANDARD.encode([0; 32]));
    let short = secret(&[7; 23]);
    for bad in ["", "sk_live_1", "whsec_", "whsec_!!!!", "whsec_AAAA", &short, "whpk_AAAA", weak.as_str()] {
        let config = StandardConfig::new(vec![good.as_str().into(), bad.into()]);
        let told = config.check().unwrap_err().to_string();
        assert!(told.contains("`webhook.standard_secrets` has an invalid entry 2"), "{bad}: {told}");
        assert!(!told.contains("sk_live_1") && !told.contains(&good), "{told}");
    }
    let shown = StandardConfig::new(vec![format!("v1,{good}").as_str().into()]);
    assert!(shown.check().is_ok(), "as Supabase shows it");
    let slow = StandardConfig { tolerance: Duration::from_secs(86_400), ..shown };
    assert!(slow.check().unwrap_err().to_string().contains("tolerance"));
}
