//! The texts of a value that patterns are tried on, with their places.

use std::borrow::Cow;
use std::ops::ControlFlow;

use serde_json::{Map, Value};

/// Fields that name a program, if a sibling field lists its arguments.
const PROGRAM_FIELDS: [&str; 6] = ["command", "cmd", "program", "executable", "shell", "bin"];
/// Fields that list a program's arguments.
const LIST_FIELDS: [&str; 5] = ["args", "argv", "arguments", "parameters", "params"];
/// Characters of a key beyond which it is not printed.
const KEY_CHARS_MAX: usize = 64;
/// Bytes of a pointer beyond which no further steps are printed.
const POINTER_BYTES_MAX: usize = 128;

/// The place of a value in the arguments, as a chain up to the root.
#[derive(Clone, Copy)]
pub(super) struct ValuePath<'a> {
    parent: Option<&'a ValuePath<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    /// The JSON Pointer of the starting point.
    Root(&'a str),
    Key(&'a str),
    Index(usize),
}

/// Visitor of a text and its place; breaks once it has found a match.
pub(super) type Take<'t> = &'t mut dyn FnMut(&ValuePath<'_>, &str) -> ControlFlow<()>;

/// Visits every text of a value: strings, numbers and keys; and combinations that a handler is likely to join: a list
/// of words, and a program with the list of its arguments beside it.
pub(super) fn each_text(value: &Value, at: &ValuePath<'_>, take: Take<'_>) -> ControlFlow<()> {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                each_text(item, &at.then(Step::Index(index)), take)?;
            }
            match items.len() {
                0 | 1 => ControlFlow::Continue(()),
                _ => take(at, &words(items)),
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                take(at, key)?;
                each_text(field, &at.then(Step::Key(key)), take)?;
            }
            each_command_line(fields, at, take)
        }
        leaf => take(at, &text(leaf)),
    }
}

/// Visits every value that is neither a list nor an object.
pub(super) fn each_leaf(
    value: &Value,
    at: &ValuePath<'_>,
    take: &mut dyn FnMut(&ValuePath<'_>, &Value) -> ControlFlow<()>,
) -> ControlFlow<()> {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(index, item)| each_leaf(item, &at.then(Step::Index(index)), take))
        }
        Value::Object(fields) => {
            fields.iter().try_for_each(|(key, field)| each_leaf(field, &at.then(Step::Key(key)), take))
        }
        leaf => take(at, leaf),
    }
}

/// Returns a string unchanged, anything else as JSON prints it.
pub(super) fn text(leaf: &Value) -> Cow<'_, str> {
    match leaf {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

/// Visits command lines split over fields, such as `{"command": "rm", "args": ["-rf", "/"]}`. All lists are appended to
/// each program together, so that the cost is linear in the arguments and not quadratic.
fn each_command_line(fields: &Map<String, Value>, at: &ValuePath<'_>, take: Take<'_>) -> ControlFlow<()> {
    let lists: Vec<String> = LIST_FIELDS
        .iter()
        .filter_map(|name| match fields.get(*name)? {
            Value::Array(items) => Some(words(items)),
            Value::String(list) => Some(list.clone()),
            _ => None,
        })
        .collect();
    if lists.is_empty() {
        return ControlFlow::Continue(());
    }
    let lists = lists.join(" ");
    for name in PROGRAM_FIELDS {
        if let Some(Value::String(program)) = fields.get(name) {
            take(&at.then(Step::Key(name)), &format!("{program} {lists}"))?;
        }
    }
    ControlFlow::Continue(())
}

/// Joins a list's leaves into one line. Lists and objects inside it are visited separately.
fn words(items: &[Value]) -> String {
    let leaves: Vec<_> = items.iter().filter(|item| !item.is_array() && !item.is_object()).map(text).collect();
    leaves.join(" ")
}

impl<'a> ValuePath<'a> {
    /// Creates the place of a field named by a rule.
    pub(super) fn field(pointer: &'a str) -> Self {
        Self { parent: None, step: Step::Root(pointer) }
    }

    fn then<'b>(&'b self, step: Step<'b>) -> ValuePath<'b> {
        ValuePath { parent: Some(self), step }
    }

    /// Returns the place as a JSON Pointer that is safe to print.
    pub(super) fn pointer(&self) -> String {
        let mut steps = Vec::new();
        let mut place = Some(self);
        while let Some(ValuePath { parent, step }) = place {
            steps.push(*step);
            place = *parent;
        }
        let mut pointer = String::new();
        for step in steps.iter().rev() {
            match step {
                Step::Root(root) => pointer.push_str(root),
                Step::Key(key) => push_step(&mut pointer, key),
                Step::Index(index) => push_step(&mut pointer, &index.to_string()),
            }
        }
        pointer
    }
}

/// Appends a key or an index to a printed pointer. Keys may be secret like values, so that a key that does not look
/// like a name is replaced by `…`. A pointer that is already too long stays as it is.
pub(super) fn push_step(pointer: &mut String, step: &str) {
    match step {
        _ if pointer.len() > POINTER_BYTES_MAX => {}
        step if looks_like_a_name(step) => pointer.extend(["/", step]),
        _ => pointer.push_str("/…"),
    }
}

fn looks_like_a_name(key: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-. ".contains(c);
    !key.is_empty() && key.chars().count() <= KEY_CHARS_MAX && key.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(value: &Value) -> Vec<(String, String)> {
        let mut texts = Vec::new();
        let _ = each_text(value, &ValuePath::field(""), &mut |place, text| {
            texts.push((place.pointer(), text.to_owned()));
            ControlFlow::Continue(())
        });
        texts
    }

    fn has(value: &Value, place: &str, text: &str) -> bool {
        texts(value).contains(&(place.to_owned(), text.to_owned()))
    }

    #[test]
    fn every_string_number_and_key_is_a_text() {
        let value = json!({ "a": [{ "b": "deep" }, 7], "key": null });
        assert!(has(&value, "/a/0/b", "deep") && has(&value, "/a/1", "7") && has(&value, "", "key"));
    }

    #[test]
    fn a_list_is_a_line_too() {
        assert!(has(&json!({ "argv": ["kill", "-9", -1] }), "/argv", "kill -9 -1"));
    }

    #[test]
    fn a_program_and_its_arguments_are_one_line() {
        assert!(has(&json!({ "command": "rm", "args": ["-rf", "/"] }), "/command", "rm -rf /"));
        assert!(has(&json!([{ "cmd": "rm", "args": "-rf /" }]), "/0/cmd", "rm -rf /"));
    }

    #[test]
    fn a_place_does_not_repeat_what_may_be_a_secret() {
        let value = json!({ "sk_live/4242\n": { "": "x" } });
        assert!(has(&value, "/…/…", "x"), "{:?}", texts(&value));
        let mut deep = json!("x");
        for _ in 0..100 {
            deep = json!([deep]);
        }
        assert!(texts(&deep).iter().all(|(place, _)| place.len() < 2 * POINTER_BYTES_MAX));
    }
}
