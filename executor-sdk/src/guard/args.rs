//! Reader of arguments that refuses ambiguous JSON.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Arguments as the guard reads them.
#[derive(Debug, PartialEq)]
pub(super) enum Args {
    /// A JSON document; absent arguments are `null`.
    Json(Value),
    /// JSON in which an object has a duplicate key. Some readers take the first value and others the last, so that the
    /// guard might check another value than the handler uses.
    Repeated,
    /// Anything else, as text, with invalid UTF-8 replaced.
    Text(String),
}

impl Args {
    /// Reads arguments. The depth is bounded by the parser, the length by the spec that they came in.
    pub(super) fn read(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Json(Value::Null);
        }
        let repeated = Cell::new(false);
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let read = Strict { repeated: &repeated }.deserialize(&mut reader);
        match read.and_then(|value| reader.end().map(|()| value)) {
            Ok(value) => Self::Json(value),
            Err(_) if repeated.get() => Self::Repeated,
            Err(_) => Self::Text(String::from_utf8_lossy(bytes).into_owned()),
        }
    }
}

/// Visitor that reads a value and records duplicate keys.
#[derive(Clone, Copy)]
struct Strict<'a> {
    repeated: &'a Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.insert(key, entries.next_value_seed(self)?).is_some() {
                self.repeated.set(true);
                return Err(A::Error::custom("a key stands twice"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_read_as_serde_reads_it() {
        let text = r#" {"a":[1,-2,2.5,"x\u0041",null,true,{}],"b":{"c":""}} "#;
        assert_eq!(Args::read(text.as_bytes()), Args::Json(serde_json::from_str(text).unwrap()));
        assert_eq!(Args::read(b""), Args::Json(Value::Null));
        assert_eq!(Args::read(b"7"), Args::Json(json!(7)));
    }

    #[test]
    fn a_key_that_stands_twice_is_found_at_any_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"[{"x":[{"a":1,"\u0061":2}]}]"#] {
            assert_eq!(Args::read(text.as_bytes()), Args::Repeated, "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_text() {
        for bytes in [&b"rm -rf /"[..], b"{\"a\":1} {}", b"\"\\ud800\"", b"\xff\xfe"] {
            assert!(matches!(Args::read(bytes), Args::Text(_)), "{bytes:?}");
        }
        let deep = [b"[".repeat(200), b"]".repeat(200)].concat();
        assert!(matches!(Args::read(&deep), Args::Text(_)), "too deep to be a document");
    }
}
