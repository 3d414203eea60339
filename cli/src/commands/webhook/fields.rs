//! Fields of an event, given as `--set PATH=VALUE`, which sets settings, too. A name that is both, such as `data`,
//! means the event's field.

use apiary_protocol::near::nearest;
use serde_json::{Map, Value};

use crate::exit::Fault;
use crate::settings::is_setting;

/// Top-level fields of an event.
const TOP: [&str; 9] =
    ["id", "account", "api_version", "created", "data", "livemode", "pending_webhooks", "request", "type"];
/// Most names in a path; no event is deeper.
const DEPTH_MAX: usize = 16;

/// A field and its value.
#[derive(Debug, PartialEq)]
pub(super) struct Field {
    path: Vec<String>,
    value: Value,
}

/// Returns true if `--set` means a field of an event here. A name that is neither field nor setting counts as a field,
/// so that the error is about events.
pub(crate) fn is_field(text: &str) -> bool {
    text.split_once('=').is_some_and(|(path, _)| TOP.contains(&path) || !is_setting(path))
}

impl Field {
    /// Parses `data.object.quantity=3`. A value that is valid JSON is JSON; any other is text.
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        let wrong = |words: String| Fault::usage(format!("--set: {words}"));
        let (path, value) = text.split_once('=').unwrap_or((text, ""));
        let path: Vec<String> = path.split('.').map(str::to_owned).collect();
        if path.len() > DEPTH_MAX || path.iter().any(String::is_empty) {
            return Err(wrong(format!("`{}` is no path such as data.object.quantity", path.join("."))));
        }
        if !TOP.contains(&path[0].as_str()) {
            let meant = nearest(&path[0], TOP.into_iter());
            let advice =
                meant.map_or(format!("an event has {}", TOP.join(", ")), |name| format!("did you mean `{name}`?"));
            return Err(wrong(format!("`{}` is neither a setting nor a field of an event; {advice}", path.join("."))));
        }
        Ok(Self { path, value: serde_json::from_str(value).unwrap_or_else(|_| value.into()) })
    }

    /// Sets the value at the path; creates missing objects on the way. Items of lists are named by index.
    pub(super) fn put(&self, event: &mut Value) -> Result<(), Fault> {
        let mut place = event;
        for (depth, name) in self.path.iter().enumerate() {
            if place.is_null() {
                *place = Value::Object(Map::new());
            }
            place = match place {
                Value::Object(fields) => fields.entry(name).or_insert(Value::Null),
                Value::Array(items) => {
                    let count = items.len();
                    let item = name.parse().ok().and_then(|number: usize| items.get_mut(number));
                    item.ok_or_else(|| {
                        self.no_way(depth, &format!("is a list of {count}: name an item by its number, from 0"))
                    })?
                }
                _ => return Err(self.no_way(depth, "has no fields")),
            };
        }
        *place = self.value.clone();
        Ok(())
    }

    fn no_way(&self, depth: usize, words: &str) -> Fault {
        Fault::usage(format!("--set: `{}`: `{}` {words}", self.path.join("."), self.path[..depth].join(".")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn put(texts: &[&str]) -> Result<Value, String> {
        let mut event =
            json!({ "id": "evt_1", "data": { "object": { "status": "active", "items": [{ "quantity": 1 }] } } });
        for text in texts {
            Field::read(text).and_then(|field| field.put(&mut event)).map_err(|fault| fault.to_string())?;
        }
        Ok(event)
    }

    #[test]
    fn a_value_is_json_or_else_text() {
        let event = put(&[
            "data.object.quantity=3",
            "data.object.status=past_due",
            "data.object.metadata.plan=a=b",
            "data.object.items.0.quantity=9223372036854775808",
            "livemode=true",
            "account=\"42\"",
            "data.previous_attributes={\"status\":null}",
        ])
        .unwrap();
        assert_eq!(
            event,
            json!({ "id": "evt_1", "livemode": true, "account": "42", "data": {
                "object": {
                    "status": "past_due", "quantity": 3, "metadata": { "plan": "a=b" },
                    "items": [{ "quantity": 9_223_372_036_854_775_808_u64 }],
                },
                "previous_attributes": { "status": null },
            } })
        );
    }

    #[test]
    fn a_path_that_leads_nowhere_is_named() {
        for (text, words) in [
            ("data.object.items.1.quantity=2", "`data.object.items` is a list of 1"),
            ("data.object.items.x=2", "is a list of 1"),
            ("data.object.status.x=1", "`data.object.status` has no fields"),
            ("dta.object.quantity=3", "did you mean `data`?"),
            ("webhook.lisetn=1", "neither a setting nor a field of an event"),
            ("data..object=1", "is no path"),
            ("=1", "is no path"),
        ] {
            let told = put(&[text]).unwrap_err();
            assert!(told.contains(words), "{text}: {told}");
        }
        assert!(put(&[&format!("data{}=1", ".a".repeat(99))]).is_err());
    }

    #[test]
    fn a_setting_is_not_taken_for_a_field() {
        assert!(is_field("data.object.quantity=3") && is_field("created=1"));
        assert!(
            is_field("data=null") && is_field("data={\"object\":5}") && is_field("data="),
            "`--data` names the folder"
        );
        assert!(!is_field("webhook.listen=127.0.0.1:1") && !is_field("data"));
    }
}
