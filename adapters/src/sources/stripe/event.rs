//! Reads the identifying fields of an event, but not its contents.
//!
//! A thin event names an object and leaves out its contents. Stripe sends them as `v2.core.event` to endpoints that were
//! made for them. They are passed on like all others: whoever does the work has a key for Stripe's API and reads the
//! object there. This adapter has none.

use serde::Deserialize;
use serde_json::Value;

use crate::event::{Event, TEXT_CHARS_MAX, is_object, is_type};
use crate::refusal::Refusal;

/// The `object` of thin events.
const THIN: &str = "v2.core.event";

/// Fields that every event has, in every version of the API. The bee reads the others.
#[derive(Deserialize)]
struct Fields {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    livemode: bool,
    #[serde(default)]
    account: Option<String>,
    #[serde(default)]
    object: Value,
    /// Account of a thin event: its id, or those on the way to it in an organization.
    #[serde(default)]
    context: Value,
}

/// Reads a body with a valid signature.
pub(super) fn read(body: &[u8]) -> Result<Event, Refusal> {
    if !is_object(body) {
        return Err(odd("it is not a JSON object in UTF-8"));
    }
    let fields: Fields = serde_json::from_slice(body).map_err(|error| Refusal::EventMalformed(words(&error)))?;
    if !is_id(&fields.id, "evt_") {
        return Err(odd("`id` is not an event id (`evt_…`, up to 255 letters, digits and `_`)"));
    }
    if !is_type(&fields.kind) {
        return Err(odd("`type` is not a type of event (up to 255 letters, digits, `.`, `_`, `-`, `[` and `]`)"));
    }
    if fields.account.as_deref().is_some_and(|account| !is_id(account, "acct_")) {
        return Err(odd("`account` is not an account id (`acct_…`, up to 255 letters, digits and `_`)"));
    }
    let Fields { id, kind, livemode, account, object, context } = fields;
    let account = match (object == THIN, context) {
        (false, _) => account,
        (true, Value::Null) => None,
        (true, Value::String(context)) if is_context(&context) => Some(context),
        (true, _) => return Err(odd("`context` is not an account (`acct_…`, up to 255 letters, digits, `_` and `/`)")),
    };
    Ok(Event { livemode: Some(livemode), account, ..Event::new(id, kind) })
}

/// Returns true if a text is an id of Stripe's with this prefix; they have at most 255 characters, as documented.
fn is_id(text: &str, prefix: &str) -> bool {
    text.len() <= TEXT_CHARS_MAX && text.strip_prefix(prefix).is_some_and(is_word)
}

/// Returns true if a text is an account as a thin event names it.
fn is_context(text: &str) -> bool {
    text.len() <= TEXT_CHARS_MAX && text.split('/').all(is_word)
}

/// Returns true for letters, digits and `_`, at least one.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Describes an error in the JSON and its position, without quoting it.
fn words(error: &serde_json::Error) -> String {
    let problem = match error.classify() {
        serde_json::error::Category::Data => {
            "a field (`id`, `type`, `livemode`, `account`) is missing, duplicated, or of another type"
        }
        _ => "it is not valid JSON in UTF-8",
    };
    format!("the body is not a Stripe event: {problem} (line {}, column {})", error.line(), error.column())
}

fn odd(problem: &str) -> Refusal {
    Refusal::EventMalformed(format!("the body is not a Stripe event: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::event::is_type;

    fn event(id: &str, kind: &str, account: &str) -> String {
        serde_json::json!({ "id": id, "object": "event", "type": kind, "livemode": true, "account": account })
            .to_string()
    }

    #[test]
    fn an_event_of_a_connected_account_is_read() {
        let read = read(event("evt_1Pgc76", "invoice.paid", "acct_1").as_bytes()).unwrap();
        assert_eq!((read.id.as_str(), read.kind.as_str(), read.livemode), ("evt_1Pgc76", "invoice.paid", Some(true)));
        assert_eq!(read.account.as_deref(), Some("acct_1"));
    }

    #[test]
    fn no_account_and_null_are_the_same() {
        for body in [
            r#"{"id":"evt_1","type":"invoice.paid","livemode":false}"#,
            r#"{"id":"evt_1","type":"invoice.paid","livemode":false,"account":null}"#,
        ] {
            assert_eq!(read(body.as_bytes()).unwrap().account, None, "{body}");
        }
    }

    #[test]
    fn a_thin_event_is_read_with_the_account_that_it_names() {
        let thin = |context: serde_json::Value| {
            let event = serde_json::json!({
                "id": "evt_test_65", "object": "v2.core.event", "type": "v1.invoice.paid", "livemode": false,
                "created": "2026-10-01T00:00:00.000Z", "context": context, "related_object": { "id": "in_1" },
            });
            read(event.to_string().as_bytes())
        };
        assert_eq!(thin("acct_1".into()).unwrap().idempotency_key("stripe"), "stripe:test:acct_1:evt_test_65");
        assert_eq!(thin("org_6/acct_1".into()).unwrap().account.as_deref(), Some("org_6/acct_1"));
        assert_eq!(thin(serde_json::Value::Null).unwrap().account, None);
        for context in ["", "acct_1:", "acct_1//", "a b", &"a".repeat(256)] {
            assert!(thin(context.into()).unwrap_err().to_string().contains("`context`"), "{context:?}");
        }
        assert!(thin(7.into()).is_err());
        let snapshot = r#"{"id":"evt_1","object":"event","type":"invoice.paid","livemode":false,"context":"acct_1"}"#;
        assert_eq!(read(snapshot.as_bytes()).unwrap().account, None, "there it is another field");
    }

    #[test]
    fn hostile_ids_and_types_are_refused() {
        let long = format!("evt_{}", "a".repeat(252));
        for id in ["", "evt_", "evt", "cus_1", "evt_a:b", "evt_a\0", "evt_a\n", "evt_ü", "evt_a b", "evt_'--", &long] {
            assert!(read(event(id, "invoice.paid", "acct_1").as_bytes()).is_err(), "{id:?}");
        }
        for account in ["", "acct_", "evt_1", "acct_1:", "acct_\u{202e}", "acct_1\0"] {
            assert!(read(event("evt_1", "invoice.paid", account).as_bytes()).is_err(), "{account:?}");
        }
        for kind in ["", "a b", "a\n", "a\0", "ü", "<script>", "\"", &"a".repeat(256)] {
            assert!(!is_type(kind), "{kind:?}");
            assert!(read(event("evt_1", kind, "acct_1").as_bytes()).is_err(), "{kind:?}");
        }
        assert!(is_type("v2.core.account[requirements].updated"));
    }

    #[test]
    fn what_is_no_event_is_refused_and_not_quoted() {
        for body in [
            "",
            "null",
            "[]",
            r#"["evt_1","sk_live_secret",true]"#,
            "{}",
            "sk_live_secret",
            r#"{"id":"evt_1","id":"evt_2","type":"sk_live_secret","livemode":true}"#,
            r#"{"id":7,"type":"sk_live_secret","livemode":true}"#,
            r#"{"id":"evt_1","type":"sk_live_secret","livemode":"sk_live_secret"}"#,
            r#"{"id":"evt_1","type":"invoice.paid","livemode":true} sk_live_secret"#,
        ] {
            let words = read(body.as_bytes()).unwrap_err().to_string();
            assert!(words.contains("not a Stripe event") && !words.contains("sk_live"), "{body}: {words}");
        }
        assert!(read(b"{\"id\":\"evt_\xff\"}").is_err());
    }

    #[test]
    fn a_hundred_thousand_brackets_do_no_harm() {
        let deep = format!(
            r#"{{"data":{}{},"id":"evt_1","type":"invoice.paid","livemode":true}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert_eq!(read(deep.as_bytes()).unwrap().id, "evt_1");
    }
}
