//! Strict readers of JSON: a document has one form only. serde's derived readers also accept objects as arrays, words
//! as objects, ids in four spellings, and duplicate keys. These are refused here, because readers in other languages
//! would read them differently or not at all.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use uuid::Uuid;

/// Reads a struct from a JSON object; an array of its fields' values is refused.
pub fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Object<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_map(Object(PhantomData))
}

/// Reads a map whose keys are all different.
pub fn map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    struct Entries;

    impl<'de> Visitor<'de> for Entries {
        type Value = BTreeMap<String, String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object of strings")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let mut entries = BTreeMap::new();
            while let Some((key, value)) = access.next_entry::<String, String>()? {
                if entries.contains_key(&key) {
                    return Err(A::Error::custom(format_args!("duplicate key `{key}`")));
                }
                entries.insert(key, value);
            }
            Ok(entries)
        }
    }

    deserializer.deserialize_map(Entries)
}

/// Reads a list of structs, each from a JSON object.
pub fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct Item<T>(T);

    impl<'de, T: Deserialize<'de>> Deserialize<'de> for Item<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            object(deserializer).map(Self)
        }
    }

    let items = Vec::<Item<T>>::deserialize(deserializer)?;
    Ok(items.into_iter().map(|Item(item)| item).collect())
}

/// Reads a list of strings that are all different.
pub(crate) fn set<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<String>, D::Error> {
    let mut items = BTreeSet::new();
    for item in Vec::<String>::deserialize(deserializer)? {
        if let Some(twice) = items.replace(item) {
            return Err(D::Error::custom(format_args!("{twice:?} is listed twice: list each once")));
        }
    }
    Ok(items)
}

/// Reads a list of UUIDs that are all different, each in its only accepted form.
pub(crate) fn uuids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<Uuid>, D::Error> {
    let mut items = BTreeSet::new();
    for Form(item) in Vec::<Form>::deserialize(deserializer)? {
        if !items.insert(item) {
            return Err(D::Error::custom(format_args!("{item} is listed twice: list each once")));
        }
    }
    Ok(items)
}

/// A UUID in its only accepted form.
struct Form(Uuid);

impl<'de> Deserialize<'de> for Form {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        uuid(deserializer).map(Self)
    }
}

/// Reads an optional UUID in its only accepted form.
pub(crate) fn optional_uuid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Uuid>, D::Error> {
    Ok(Option::<Form>::deserialize(deserializer)?.map(|Form(uuid)| uuid))
}

/// Reads a UUID in its only accepted form: 36 characters with hyphens (RFC 9562, section 4).
pub(crate) fn uuid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    let hyphenated = text.parse::<uuid::fmt::Hyphenated>();
    hyphenated.map(Uuid::from).map_err(|_| D::Error::custom("a UUID has 32 hexadecimal digits and four hyphens"))
}

/// Reads one of a few words.
pub(crate) fn word<'de, D: Deserializer<'de>, T: Copy>(
    deserializer: D,
    all: &[T],
    as_str: fn(T) -> &'static str,
) -> Result<T, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    all.iter().copied().find(|word| as_str(*word) == text).ok_or_else(|| {
        let quoted: Vec<_> = all.iter().map(|word| format!("`{}`", as_str(*word))).collect();
        let expected = match quoted.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, before)) => format!("{} or {last}", before.join(", ")),
            None => String::new(),
        };
        D::Error::custom(format_args!("expected {expected}, got {text:?}"))
    })
}
