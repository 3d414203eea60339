//! Comparison of an object with an earlier one, through the previous values that an event lists.

use std::collections::BTreeSet;
use std::iter::Sum;
use std::ops::Add;

use serde_json::{Map, Value};

/// Places in which an earlier object differs from what an event says of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Differences {
    /// Among the previous values that the event lists.
    pub(super) listed: u32,
    /// Among all others, which should not have changed.
    pub(super) unlisted: u32,
}

impl Add for Differences {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { listed: self.listed + other.listed, unlisted: self.unlisted + other.unlisted }
    }
}

impl Sum for Differences {
    fn sum<I: Iterator<Item = Self>>(differences: I) -> Self {
        differences.fold(Self::default(), Add::add)
    }
}

fn listed(count: u32) -> Differences {
    Differences { listed: count, unlisted: 0 }
}

/// Counts the places in which an earlier object differs from a later one with these previous values put back. None means
/// that the earlier one is the state from which the later one came.
///
/// Stripe lists what changed, and nothing else: of a hash the changed keys, of a list every element, `null` for what was
/// absent. Some senders list a hash whole, or of a list's elements the changed keys; both are understood.
pub(super) fn differences(previous: Option<&Value>, later: &Value, earlier: &Value) -> Differences {
    match previous {
        None => Differences { listed: 0, unlisted: changes(later, earlier) },
        Some(Value::Object(values)) if !values.is_empty() => {
            hash_differences(values, later, earlier).min(listed(changes(&Value::Object(values.clone()), earlier)))
        }
        Some(Value::Array(values)) => list_differences(values, later, earlier),
        Some(value) => listed(u32::from(!is_same(value, earlier))),
    }
}

fn hash_differences(previous: &Map<String, Value>, later: &Value, earlier: &Value) -> Differences {
    let keys: BTreeSet<&String> = keys(later).chain(keys(earlier)).chain(previous.keys()).collect();
    keys.into_iter().map(|key| differences(previous.get(key), &later[key], &earlier[key])).sum()
}

fn list_differences(previous: &[Value], later: &Value, earlier: &Value) -> Differences {
    let (later, earlier) = (elements(later), elements(earlier));
    if previous.len() != earlier.len() {
        return listed(count(previous.len().abs_diff(earlier.len())));
    }
    let pairs = previous.iter().enumerate().map(|(position, values)| {
        let was = counterpart(earlier, values, position);
        let is = counterpart(later, was, position);
        // Another element took its place: only what is listed can be compared.
        let is = if is["id"] == was["id"] { is } else { was };
        differences(Some(values), is, was)
    });
    pairs.sum()
}

/// Returns the element with the same id, or else the one in the same place.
fn counterpart<'a>(elements: &'a [Value], of: &Value, position: usize) -> &'a Value {
    let same_id = elements.iter().find(|element| !of["id"].is_null() && element["id"] == of["id"]);
    same_id.or_else(|| elements.get(position)).unwrap_or(&Value::Null)
}

/// Counts the places in which two values differ.
pub(super) fn changes(one: &Value, other: &Value) -> u32 {
    match (one, other) {
        (Value::Object(_), Value::Object(_)) => {
            let keys: BTreeSet<&String> = keys(one).chain(keys(other)).collect();
            keys.into_iter().map(|key| changes(&one[key], &other[key])).sum()
        }
        (Value::Array(ones), Value::Array(others)) if ones.len() == others.len() => {
            ones.iter().zip(others).map(|(one, other)| changes(one, other)).sum()
        }
        _ => u32::from(!is_same(one, other)),
    }
}

/// Returns true for equal values; whatever is absent, null or empty is the same.
fn is_same(one: &Value, other: &Value) -> bool {
    one == other || (is_nothing(one) && is_nothing(other))
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(entries) => entries.values().all(is_nothing),
        Value::Array(elements) => elements.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn keys(value: &Value) -> impl Iterator<Item = &String> {
    value.as_object().into_iter().flat_map(Map::keys)
}

fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(previous: &Value, later: &Value, earlier: &Value) -> bool {
        differences(Some(previous), later, earlier) == Differences::default()
    }

    #[test]
    fn listed_values_are_compared_with_the_earlier_object_and_all_others_with_the_later_one() {
        let (later, earlier) = (json!({"a": 2, "b": 1, "n": null}), json!({"a": 1, "b": 1}));
        assert!(holds(&json!({"a": 1}), &later, &earlier));
        assert!(!holds(&json!({"a": 0}), &later, &earlier));
        assert!(!holds(&json!({"a": 1}), &json!({"a": 2, "b": 9}), &earlier), "b changed, and is not listed");
        let unlisted = differences(Some(&json!({"a": 1})), &json!({"a": 2, "b": 9}), &earlier);
        assert_eq!(unlisted, Differences { listed: 0, unlisted: 1 });
        assert!(holds(&json!({"a": null}), &later, &json!({"b": 1})), "null stands for what was absent");
    }

    #[test]
    fn hashes_are_understood_in_part_and_whole() {
        let later = json!({"metadata": {"a": "2", "b": "1"}});
        for previous in [json!({"metadata": {"a": "1"}}), json!({"metadata": {"a": "1", "b": "1"}})] {
            assert!(holds(&previous, &later, &json!({"metadata": {"a": "1", "b": "1"}})), "{previous}");
        }
        let whole = json!({"metadata": {"c": "3"}});
        assert!(holds(&whole, &later, &whole));
        assert!(holds(&json!({"metadata": {}}), &later, &json!({"metadata": {}})));
        assert!(!holds(&json!({"metadata": {}}), &later, &later));
    }

    #[test]
    fn lists_are_understood_in_part_and_whole_by_id_and_by_place() {
        let item =
            |id: &str, price: &str, quantity: u32| json!({"id": id, "price": {"id": price}, "quantity": quantity});
        let list = |items: &[Value]| json!({"items": {"data": items}});
        let (basic, pro) = (list(&[item("si_1", "basic", 1)]), list(&[item("si_1", "pro", 1)]));
        assert!(holds(&list(&[json!({"price": {"id": "basic"}})]), &pro, &basic));
        assert!(!holds(&list(&[json!({"price": {"id": "basic"}})]), &pro, &pro));
        assert!(holds(&basic, &pro, &basic));
        assert!(!holds(&list(&[json!({"price": {"id": "basic"}})]), &pro, &list(&[item("si_1", "basic", 2)])));
        let two = list(&[item("si_1", "basic", 1), item("si_2", "seat", 5)]);
        assert!(holds(&basic, &two, &basic), "an item was added");
        assert!(holds(&two, &basic, &two), "an item was removed");
        let swapped = list(&[item("si_2", "seat", 6), item("si_1", "basic", 1)]);
        assert!(holds(&two, &swapped, &two));
    }
}
