//! Descriptions of senders, and requests of those described.

use std::sync::Arc;

use apiary_settings::{Origin, Value, Values};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{KeyInit as _, Mac as _};
use http::HeaderMap;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256, Sha512};

use super::Hmac;
use super::definition::Definition;
use crate::{Endpoint, Event, Receiver, Refusal, Source as _};

const TIME_S: i64 = 1_700_000_000;
/// A key, and the setting with it.
const KEY: &str = "swordfish-of-this-test";
const SECRET: &str = "shop=swordfish-of-this-test";
const MINIMAL: &str = "shop header=X-Sign id=field:id type=field:type";

fn endpoints(senders: &[&str], secrets: &[&str]) -> Result<Vec<Arc<dyn Endpoint>>, String> {
    Hmac.open(&values(senders, secrets, &[])).map_err(|error| error.to_string())
}

fn values(senders: &[&str], secrets: &[&str], routes: &[&str]) -> Values {
    let list = |texts: &[&str]| Value::List(texts.iter().map(|text| (*text).to_owned()).collect());
    let mut values = Values::default();
    let [of_senders, of_secrets, of_routes] = Hmac.settings() else { unreachable!("there are three settings") };
    for (setting, texts) in [(of_senders, senders), (of_secrets, secrets), (of_routes, routes)] {
        values.put(setting, list(texts), Origin::Default);
    }
    values
}

/// Lets one sender verify a request.
fn verify(sender: &str, secret: &str, headers: &[(&'static str, &str)], body: &str) -> Result<Event, Refusal> {
    let endpoint = endpoints(&[sender], &[secret]).unwrap().remove(0);
    endpoint.check().unwrap();
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, value.parse().unwrap());
    }
    let now = Timestamp::from_second(TIME_S).unwrap();
    endpoint.verify(&map, body.as_bytes(), now).map(|mut events| events.remove(0))
}

fn sha256(key: &[u8], text: &str) -> Vec<u8> {
    hmac::Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes().to_vec()
}

fn sha512(key: &[u8], text: &str) -> Vec<u8> {
    hmac::Hmac::<Sha512>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes().to_vec()
}

#[test]
fn a_minimal_sender_signs_the_body_in_hexadecimal() {
    let body = r#"{"id":"e-1","type":"order.paid"}"#;
    let good = hex::encode(sha256(KEY.as_bytes(), body));
    assert_eq!(verify(MINIMAL, SECRET, &[("x-sign", &good)], body), Ok(Event::new("e-1", "order.paid")));
    assert_eq!(verify(MINIMAL, "shop=another-of-this-test", &[("x-sign", &good)], body), Err(Refusal::SignatureWrong));
    let other = verify(MINIMAL, SECRET, &[("x-sign", &good)], r#"{"id":"e-2","type":"order.paid"}"#);
    assert_eq!(other, Err(Refusal::SignatureWrong));
    for bad in ["", "00", &good[1..], &format!("{good}00"), &format!("sha256={good}")] {
        let found = verify(MINIMAL, SECRET, &[("x-sign", bad)], body);
        assert!(matches!(found, Err(Refusal::SignatureMalformed { .. })), "{bad}: {found:?}");
    }
    let none = verify(MINIMAL, SECRET, &[], body);
    assert!(matches!(none, Err(Refusal::SignatureMissing(_))), "{none:?}");
}

#[test]
fn every_option_changes_what_is_checked() {
    let sender = "shop header=X-Sign algorithm=sha512 encoding=base64 prefix=v1= secret=hex timestamp=X-Time tolerance=1m \
                  signed=v1:{timestamp}:{id}:{body} id=header:X-Id type=field:event.names.1";
    let body = r#"{"event":{"names":["a","b.c"]}}"#;
    let at = |time: i64, id: &str| {
        let signed = format!("v1={}", STANDARD.encode(sha512(&[255; 16], &format!("v1:{time}:x7:{body}"))));
        let time = time.to_string();
        verify(
            sender,
            &format!("shop={}", "ff".repeat(16)),
            &[("x-sign", &signed), ("x-time", &time), ("x-id", id)],
            body,
        )
    };
    assert_eq!(at(TIME_S, "x7"), Ok(Event::new("x7", "b.c")));
    assert_eq!(at((TIME_S - 59) * 1000, "x7"), Ok(Event::new("x7", "b.c")), "in milliseconds");
    assert_eq!(at(TIME_S, "x8"), Err(Refusal::SignatureWrong), "another id");
    assert_eq!(at(TIME_S - 61, "x7"), Err(Refusal::SignatureStale { age_s: 61, tolerance_s: 60 }));
    assert_eq!(at(TIME_S + 61, "x7"), Err(Refusal::SignatureFuture { ahead_s: 61, tolerance_s: 60 }));
}

#[test]
fn an_id_may_be_a_number_or_the_bodys_digest_and_a_type_a_word_of_the_settings() {
    let body = r#"{"id":7,"live":true}"#;
    let good = hex::encode(sha256(KEY.as_bytes(), body));
    let with = |places: &str| verify(&format!("shop header=X-Sign {places}"), SECRET, &[("x-sign", &good)], body);
    assert_eq!(with("id=field:id type=field:live"), Ok(Event::new("7", "true")));
    let digest = hex::encode(Sha256::digest(body));
    assert_eq!(with("id=digest type=always:order"), Ok(Event::new(digest, "order")));
    for places in ["id=field:no type=always:a", "id=field:id type=field:no", "id=header:X-No type=always:a"] {
        assert!(matches!(with(places), Err(Refusal::EventMalformed(_))), "{places}");
    }
}

#[test]
fn a_description_that_cannot_be_used_is_named_by_its_number() {
    for (sender, words) in [
        ("", "does not begin with a name"),
        ("Shop header=X-Sign id=digest type=always:a", "does not begin with a name"),
        ("stripe header=X-Sign id=digest type=always:a", "a source of its own"),
        ("a", "has no `id`"),
        ("a id=digest", "has no `type`"),
        ("a id=digest type=digest header=X", "has no `type`"),
        ("a id=digest type=always:x", "has no `header`"),
        ("a id=digest type=always:x header=X(", "invalid `header`"),
        ("a id=body type=always:x header=X", "invalid `id`"),
        ("a id=field: type=always:x header=X", "invalid `id`"),
        ("a id=digest type=always:x header=X algorithm=md5", "another `algorithm` than sha256 or sha512"),
        ("a id=digest type=always:x header=X encoding=hex32", "another `encoding` than hex or base64"),
        ("a id=always:x type=always:x header=X", "has no `id`"),
        ("a id=field:id type=always:x header=X signed={id}{body}", "stands in no header"),
        ("a id=digest type=always:x header=X colour=red", "unknown option `colour`"),
        (&format!("a id=digest type=always:x header=X prefix={}", "p".repeat(129)), "a `prefix` of more than 128"),
        ("a id=digest type=always:x header=X header=Y", "sets `header` twice"),
        ("a id=digest type=always:x header=X tolerance=1m", "no `timestamp`"),
        ("a id=digest type=always:x header=X timestamp=T tolerance=2h", "outside 1s to 1h"),
        ("a id=digest type=always:x header=X timestamp=T signed={body}", "not signed"),
        ("a id=digest type=always:x header=X signed={timestamp}.{body}", "not signed"),
        ("a id=digest type=always:x header=X signed={id}", "without {body}"),
        ("a id=digest type=always:x header=X signed={body}{url}", "other braces"),
    ] {
        let told = endpoints(&[MINIMAL, sender], &["shop=s"]).unwrap_err();
        assert!(
            told.starts_with("`webhook.hmac_senders` has an invalid entry 2: it ") && told.contains(words),
            "{sender}: {told}"
        );
    }
    assert!(endpoints(&[MINIMAL, MINIMAL], &["shop=s"]).unwrap_err().contains("a second `shop`"));
    assert!(endpoints(&[], &["shop=s"]).unwrap_err().contains("`webhook.hmac_senders` describes"));
}

#[test]
fn a_secret_belongs_to_a_sender_and_is_never_shown() {
    for secrets in [&["shop=s", "swordfish"], &["shop=s", "other=swordfish"]] {
        let told = endpoints(&[MINIMAL], secrets).unwrap_err();
        assert!(
            told.contains("`webhook.hmac_secrets` has an invalid entry 2") && !told.contains("swordfish"),
            "{told}"
        );
    }
    let none = endpoints(&[MINIMAL, "b header=X id=digest type=always:x"], &["shop=s"]).unwrap();
    assert!(none[1].check().unwrap_err().to_string().contains("`b=SECRET`"));
    for (sender, short) in
        [(MINIMAL, "s".repeat(15)), (&format!("{MINIMAL} secret=hex"), "ab".repeat(15)), (MINIMAL, String::new())]
    {
        let short = endpoints(&[sender], &[&format!("shop={short}")]).unwrap();
        let told = short[0].check().unwrap_err().to_string();
        assert!(told.contains("has less than 16 bytes") && !told.contains("sss"), "{told}");
    }
    let shown = format!("{:?}", endpoints(&[MINIMAL], &[SECRET]).unwrap());
    assert!(!shown.contains("swordfish"), "{shown}");
}

#[test]
fn each_sender_has_routes_of_its_own() {
    let senders = [MINIMAL, "calendar header=X id=digest type=always:change"];
    let open = |routes: &[&str]| {
        let values = values(&senders, &["shop=s", "calendar=s"], routes);
        Receiver::open(&Hmac, &values).map_err(|error| error.to_string())
    };
    let receivers = open(&["shop/order.* = orders/take", "calendar/* = agenda/sync"]).unwrap();
    let lines: Vec<String> = receivers
        .iter()
        .flat_map(|receiver| {
            receiver.routes.lines().map(|line| format!("{} {} {:?}", line.source, line.pattern, line.target))
        })
        .collect();
    assert_eq!(lines, [r#"shop order.* Some("orders/take")"#, r#"calendar * Some("agenda/sync")"#]);
    for (route, words) in [
        ("order.* = a/b", "begins with no name of a sender"),
        ("other/order.* = a/b", "there are: shop, calendar"),
        ("shop/order = b", "target that is none"),
    ] {
        let told = open(&["shop/a = a/b", route]).unwrap_err();
        assert!(
            told.contains("`webhook.hmac_routes` has an invalid entry 2") && told.contains(words),
            "{route}: {told}"
        );
    }
}

#[test]
fn a_description_has_the_defaults_that_the_page_says() {
    let found = Definition::read(MINIMAL).unwrap();
    let said = "shop header=X-Sign algorithm=sha256 encoding=hex secret=text signed={body} id=field:id type=field:type prefix=";
    assert_eq!(Definition::read(said), Ok(found));
}
