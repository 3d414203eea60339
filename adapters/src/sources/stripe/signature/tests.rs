//! Tests the header against signatures of another program: `printf '%s'
//! '1492774577.{"id":"evt_1","type":"invoice.paid","livemode":true}' | openssl dgst -sha256 -hmac whsec_test_one`.
//! Stripe's own library (`stripe` 23.1.0 for Node, `webhooks.generateTestHeaderString`) gives the same for [`ONE`].

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use secrecy::SecretString;

use super::verify;
use crate::refusal::Refusal;

const TIME_S: i64 = 1_492_774_577;
const BODY: &[u8] = br#"{"id":"evt_1","type":"invoice.paid","livemode":true}"#;
/// Signature with `whsec_test_one`.
const ONE: &str = "8d017ceb94be63a6ef4f756c09577ba3d3c9c91efb5252d808f3eadea3edb4b6";
/// Signature with `whsec_test_two`.
const TWO: &str = "99351f2c854aeb43fd08d2421f74a0fdc285e2b4ed4ef6a10ee37a5b379a2f82";
/// `printf '1492774577.' | openssl dgst -sha256 -hmac whsec_test_one`
const EMPTY: &str = "2612c3ef996c298767a9cea0ca09001649af102103eee08680e15b300a51c34b";
/// `printf '1492774577.\xff\x00\xfe' | openssl dgst -sha256 -hmac whsec_test_one`
const BINARY: &str = "e072f32db0f21f85063ab65f7ad89fab1fcd590c55c3b627eb2fc9ca03d0d5d7";

/// Verifies with these secrets, `late_s` after the signature.
fn check(header: &str, body: &[u8], secrets: &[&str], late_s: i64) -> Result<(), Refusal> {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(header.as_bytes()) {
        headers.insert("Stripe-Signature", value);
    }
    let secrets: Vec<SecretString> = secrets.iter().map(|secret| (*secret).into()).collect();
    let now = Timestamp::from_second(TIME_S + late_s).unwrap_or_default();
    verify(&headers, body, &secrets, Duration::from_secs(300), now)
}

fn is_malformed(refusal: &Result<(), Refusal>) -> bool {
    matches!(refusal, Err(Refusal::SignatureMalformed { .. }))
}

#[test]
fn a_signature_of_the_configured_secret_is_right() {
    assert_eq!(check(&format!("t={TIME_S},v1={ONE}"), BODY, &["whsec_test_one"], 0), Ok(()));
    assert_eq!(check(&format!("t={TIME_S},v1={}", ONE.to_uppercase()), BODY, &["whsec_test_one"], 0), Ok(()));
    assert_eq!(check(&format!("v1={ONE}, t={TIME_S}"), BODY, &["whsec_test_one"], 0), Ok(()), "any order, a space");
}

#[test]
fn the_body_counts_byte_by_byte_whatever_it_holds() {
    assert_eq!(check(&format!("t={TIME_S},v1={EMPTY}"), b"", &["whsec_test_one"], 0), Ok(()));
    assert_eq!(check(&format!("t={TIME_S},v1={BINARY}"), b"\xff\x00\xfe", &["whsec_test_one"], 0), Ok(()));
    let reprinted = br#"{"id": "evt_1", "type": "invoice.paid", "livemode": true}"#;
    let header = format!("t={TIME_S},v1={ONE}");
    assert_eq!(check(&header, reprinted, &["whsec_test_one"], 0), Err(Refusal::SignatureWrong));
}

#[test]
fn while_a_secret_is_rolled_either_one_is_enough() {
    let both = format!("t={TIME_S},v1={ONE},v1={TWO}");
    for secrets in [&["whsec_test_one"][..], &["whsec_test_two"], &["whsec_other", "whsec_test_two"]] {
        assert_eq!(check(&both, BODY, secrets, 0), Ok(()), "{secrets:?}");
    }
    let old = format!("t={TIME_S},v1={ONE}");
    assert_eq!(check(&old, BODY, &["whsec_test_two", "whsec_test_one"], 0), Ok(()));
    assert_eq!(check(&both, BODY, &["whsec_other"], 0), Err(Refusal::SignatureWrong));
}

#[test]
fn a_signature_that_is_not_right_is_wrong() {
    let last = ONE.replace("db4b6", "db4b7");
    let cases = [
        ("another secret", format!("t={TIME_S},v1={TWO}")),
        ("another last digit", format!("t={TIME_S},v1={last}")),
        ("another time", format!("t={},v1={ONE}", TIME_S + 1)),
        ("the same time written differently", format!("t=0{TIME_S},v1={ONE}")),
        ("zeros", format!("t={TIME_S},v1={}", "0".repeat(64))),
    ];
    for (what, header) in cases {
        assert_eq!(check(&header, BODY, &["whsec_test_one"], 0), Err(Refusal::SignatureWrong), "{what}");
    }
    // The key is the secret as displayed, including its prefix.
    assert_eq!(check(&format!("t={TIME_S},v1={ONE}"), BODY, &["test_one"], 0), Err(Refusal::SignatureWrong));
}

#[test]
fn a_v1_that_does_not_read_does_not_hide_one_that_does() {
    for odd in ["v1=", "v1=zz", &format!("v1={}", &ONE[..62]), &format!("v1={ONE}00")] {
        assert_eq!(check(&format!("t={TIME_S},{odd},v1={ONE}"), BODY, &["whsec_test_one"], 0), Ok(()), "{odd}");
    }
}

#[test]
fn other_schemes_never_count() {
    for header in [
        format!("t={TIME_S},v0={ONE}"),
        format!("t={TIME_S},v2={ONE}"),
        format!("t={TIME_S},V1={ONE}"),
        format!("t={TIME_S}"),
    ] {
        assert!(is_malformed(&check(&header, BODY, &["whsec_test_one"], 0)), "{header}");
    }
    assert_eq!(check(&format!("t={TIME_S},v0=junk,v1={ONE}"), BODY, &["whsec_test_one"], 0), Ok(()));
}

#[test]
fn a_signature_is_good_for_the_tolerance_both_ways() {
    let header = format!("t={TIME_S},v1={ONE}");
    for late_s in [-300, -1, 0, 1, 300] {
        assert_eq!(check(&header, BODY, &["whsec_test_one"], late_s), Ok(()), "{late_s}");
    }
    let stale = Refusal::SignatureStale { age_s: 301, tolerance_s: 300 };
    assert_eq!(check(&header, BODY, &["whsec_test_one"], 301), Err(stale));
    let future = Refusal::SignatureFuture { ahead_s: 301, tolerance_s: 300 };
    assert_eq!(check(&header, BODY, &["whsec_test_one"], -301), Err(future));
    // Without the secret, nobody learns about the clock.
    assert_eq!(check(&header, BODY, &["whsec_test_two"], 301), Err(Refusal::SignatureWrong));
}

#[test]
fn a_header_of_another_form_is_called_malformed() {
    let twice = format!("t={TIME_S},t={TIME_S},v1={ONE}");
    let long = format!("t={TIME_S},v1={ONE},v0={}", "0".repeat(2048));
    for header in [
        "",
        ",",
        "=",
        "garbage",
        &format!("v1={ONE}"),
        &format!("t=,v1={ONE}"),
        &format!("t=-{TIME_S},v1={ONE}"),
        &format!("t=+{TIME_S},v1={ONE}"),
        &format!("t={TIME_S}.5,v1={ONE}"),
        &format!("t=99999999999999999999,v1={ONE}"),
        &format!("t={TIME_S},{ONE}"),
        &format!("t={TIME_S},v1={}", &ONE[..62]),
        &format!("t={TIME_S},v1=é{}", &ONE[2..]),
        &twice,
        &long,
    ] {
        let refusal = check(header, BODY, &["whsec_test_one"], 0);
        assert!(is_malformed(&refusal), "{header:?}: {refusal:?}");
    }
}

#[test]
fn no_header_and_two_headers_are_told_apart() {
    let secrets: [SecretString; 1] = ["whsec_test_one".into()];
    let now = Timestamp::from_second(TIME_S).unwrap();
    let mut headers = HeaderMap::new();
    let tolerance = Duration::from_secs(300);
    let missing = verify(&headers, BODY, &secrets, tolerance, now);
    assert_eq!(missing, Err(Refusal::SignatureMissing("Stripe-Signature".into())));
    let value: HeaderValue = format!("t={TIME_S},v1={ONE}").parse().unwrap();
    headers.append("Stripe-Signature", value.clone());
    headers.append("stripe-signature", value);
    assert!(is_malformed(&verify(&headers, BODY, &secrets, tolerance, now)));
}

#[test]
fn no_refusal_shows_what_was_sent() {
    for header in [format!("t={TIME_S},v1={TWO}"), "sk_live_secret".to_owned(), format!("t=sk_live,v1={TWO}")] {
        let words = check(&header, BODY, &["whsec_test_one"], 0).unwrap_err().to_string();
        assert!(!words.contains("sk_live") && !words.contains(TWO) && !words.contains("test_one"), "{words}");
    }
}
