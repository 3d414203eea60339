//! GitHub's requests, and what must be refused.

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use jiff::Timestamp;
use sha2::Sha256;

use super::source::GitHubEndpoint;
use crate::{Endpoint as _, Event, Refusal};

const BODY: &str = r#"{"action":"opened","issue":{"number":1}}"#;

fn signature(secret: &str, body: &str) -> String {
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    hmac.update(body.as_bytes());
    format!("sha256={}", hex::encode(hmac.finalize().into_bytes()))
}

fn verify(headers: &[(&'static str, &str)], body: &str) -> Result<Event, Refusal> {
    let endpoint = GitHubEndpoint { secrets: vec!["next one".into(), "the one".into()] };
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, value.parse().unwrap());
    }
    endpoint.verify(&map, body.as_bytes(), Timestamp::UNIX_EPOCH).map(|mut events| events.remove(0))
}

fn signed(event: &str, body: &str) -> Result<Event, Refusal> {
    let signature = signature("the one", body);
    verify(&[("x-hub-signature-256", &signature), ("x-github-event", event), ("x-github-delivery", "72d3-1")], body)
}

#[test]
fn the_type_is_the_event_and_the_action_if_there_is_one() {
    assert_eq!(signed("issues", BODY), Ok(Event::new("72d3-1", "issues.opened")));
    assert_eq!(signed("push", r#"{"ref":"refs/heads/main"}"#), Ok(Event::new("72d3-1", "push")));
    assert_eq!(signed("push", r#"{"action":null}"#), Ok(Event::new("72d3-1", "push")));
}

#[test]
fn each_secret_is_good_and_no_other() {
    for (secret, is_good) in [("the one", true), ("next one", true), ("another", false), ("", false)] {
        let signature = signature(secret, BODY);
        let headers =
            [("x-hub-signature-256", signature.as_str()), ("x-github-event", "issues"), ("x-github-delivery", "1")];
        let found = verify(&headers, BODY);
        assert_eq!(found.is_ok(), is_good, "{secret}: {found:?}");
        assert!(is_good || found == Err(Refusal::SignatureWrong));
        assert_eq!(verify(&headers, &BODY.replace('1', "2")), Err(Refusal::SignatureWrong), "another body");
    }
}

#[test]
fn a_secret_that_can_be_guessed_is_named_by_its_position_and_not_shown() {
    for short in ["s", "fifteen-letters", "                "] {
        let endpoint = GitHubEndpoint { secrets: vec!["sixteen--letters".into(), short.into()] };
        let told = endpoint.check().unwrap_err().to_string();
        assert!(told.contains("`webhook.github_secrets` has an invalid entry 2") && told.contains("16"), "{told}");
        assert!(!told.contains("fifteen"), "{told}");
    }
    assert!(GitHubEndpoint { secrets: vec!["It's a Secret to Everybody".into()] }.check().is_ok());
}

#[test]
fn what_is_no_signature_is_told_apart() {
    assert!(matches!(verify(&[], BODY), Err(Refusal::SignatureMissing(_))));
    let good = signature("the one", BODY);
    for bad in ["", "sha1=00", &good[7..], &good[..70], &format!("{good}00"), &good.replace("sha256", "sha512")] {
        let found = verify(&[("x-hub-signature-256", bad)], BODY);
        assert!(matches!(found, Err(Refusal::SignatureMalformed { .. })), "{bad}: {found:?}");
    }
    let twice = verify(&[("x-hub-signature-256", &good), ("x-hub-signature-256", &good)], BODY);
    assert!(matches!(twice, Err(Refusal::SignatureMalformed { .. })), "{twice:?}");
}

#[test]
fn a_signed_request_that_is_no_event_is_refused_in_words() {
    let refused = |found: Result<Event, Refusal>| found.unwrap_err().to_string();
    for body in ["", "null", "[]", "payload=%7B%7D", r#"{"action":7}"#, r#"{"action":"a","action":"b"}"#] {
        assert!(refused(signed("issues", body)).contains("not an event of GitHub"), "{body}");
    }
    assert!(refused(signed("issues", r#"{"action":"sk live"}"#)).contains("`action` is not a word"));
    assert!(refused(signed("is sues", BODY)).contains("X-GitHub-Event"));
    let signature = signature("the one", BODY);
    let form = [("x-hub-signature-256", signature.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    assert!(refused(verify(&form, BODY)).contains("application/json"));
    for id in ["", "a:b", "a b"] {
        let headers =
            [("x-hub-signature-256", signature.as_str()), ("x-github-event", "push"), ("x-github-delivery", id)];
        assert!(refused(verify(&headers, BODY)).contains("X-GitHub-Delivery"), "{id}");
    }
}
