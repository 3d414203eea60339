//! Fields of a row or of a command: raw JSON values, validated on access.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::limits::SHOWN_CHARS_MAX;

/// Fields of a JSON object by name. An object with a duplicate name is rejected, because the choice of a value would be
/// a guess.
pub(super) struct Fields(BTreeMap<String, Box<RawValue>>);

impl Fields {
    /// Parses a JSON object.
    pub(super) fn read(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| {
            format!("is not a valid JSON object ({error}); a dump is JSON: one row a line, or one array of rows")
        })
    }

    /// Returns a field's raw value; `None` also for `null`.
    pub(super) fn raw(&self, name: &str) -> Option<&RawValue> {
        self.0.get(name).map(Box::as_ref).filter(|value| value.get() != "null")
    }

    /// Returns the names of the fields that are not `null`.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str).filter(|name| self.raw(name).is_some())
    }

    /// Returns a text, or a number or boolean in its raw spelling. An empty text counts as absent.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, String> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        let text = match value.get().as_bytes().first() {
            Some(b'"') => {
                serde_json::from_str(value.get()).map_err(|error| format!("`{name}` cannot be read: {error}"))?
            }
            Some(b'{' | b'[') => {
                return Err(format!("`{name}` is an object or a list, and should be a text or a number"));
            }
            _ => value.get().to_owned(),
        };
        let text: String = text;
        if text.contains('\0') {
            return Err(format!("`{name}` contains a NUL character, which cannot be stored"));
        }
        Ok(Some(text).filter(|text| !text.trim().is_empty()))
    }

    /// Returns a whole number, also if it is written as a text.
    pub(super) fn integer(&self, name: &str) -> Result<Option<i32>, String> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let number = text.trim().parse();
        number.map(Some).map_err(|_| format!("`{name}` is {}, and should be a whole number", shown(&text)))
    }
}

/// Quotes foreign text for a message, clipped to [`SHOWN_CHARS_MAX`] characters.
pub(super) fn shown(text: &str) -> String {
    format!("{:?}", clipped(text, SHOWN_CHARS_MAX))
}

/// Returns at most `chars_max` characters of a text, with `…` if some were cut off.
pub(super) fn clipped(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
            if fields.contains_key(&name) {
                return Err(A::Error::custom(format!("{} stands in it twice", shown(&name))));
            }
            fields.insert(name, value);
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> Fields {
        Fields::read(json).unwrap_or_else(|error| panic!("{json}: {error}"))
    }

    #[test]
    fn values_are_kept_as_they_were_written() {
        let fields = fields(r#"{"a": 1e400, "b": {"c":  [1.0]}, "n": null}"#);
        assert_eq!(fields.raw("a").map(RawValue::get), Some("1e400"));
        assert_eq!(fields.raw("b").map(RawValue::get), Some(r#"{"c":  [1.0]}"#));
        assert!(fields.raw("n").is_none() && fields.raw("x").is_none());
        assert_eq!(fields.names().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn texts_and_numbers_are_told_from_the_rest() {
        let fields =
            fields(r#"{"t":"ü","n":-12,"s":"7","e":" ","big":99999999999,"o":{},"nul":"a\u0000b","half":"\ud800"}"#);
        assert_eq!(fields.text("t"), Ok(Some("ü".to_owned())));
        assert_eq!(fields.text("n"), Ok(Some("-12".to_owned())));
        assert_eq!(fields.text("e"), Ok(None));
        assert_eq!(
            (fields.integer("n"), fields.integer("s"), fields.integer("x")),
            (Ok(Some(-12)), Ok(Some(7)), Ok(None))
        );
        for name in ["o", "nul", "half"] {
            assert!(fields.text(name).unwrap_err().contains(&format!("`{name}`")), "{name}");
        }
        assert!(fields.integer("big").unwrap_err().contains("99999999999"));
    }

    #[test]
    fn what_is_no_object_or_ambiguous_is_refused() {
        for json in ["", "1", "[1]", "{", r#"{"a":1,"a":2}"#, "{} {}", r#"{"a":01}"#] {
            assert!(Fields::read(json).is_err(), "{json}");
        }
    }

    #[test]
    fn depth_alone_hurts_nobody() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(500_000), "]".repeat(500_000));
        assert_eq!(fields(&deep).raw("a").map(|value| value.get().len()), Some(1_000_000));
    }
}
