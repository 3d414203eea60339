//! The texts of a value: what patterns are held against, and where each stands.

use std::borrow::Cow;
use std::ops::ControlFlow;

use serde_json::{Map, Value};

/// Fields that name a program, where a sibling field lists its arguments.
const PROGRAM_FIELDS: [&str; 6] = ["command", "cmd", "program", "executable", "shell", "bin"];
/// Fields that list a program's arguments.
const LIST_FIELDS: [&str; 5] = ["args", "argv", "arguments", "parameters", "params"];
/// Keys longer than this are not repeated in words.
const KEY_CHARS_MAX: usize = 64;
/// A pointer of so many bytes is not made longer in words.
const POINTER_BYTES_MAX: usize = 128;

/// Where a value stands in the arguments, up to its root.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    /// A JSON Pointer to begin with.
    Root(&'a str),
    Key(&'a str),
    Index(usize),
}

/// Takes a text and where it stands; breaks off once it found what it looks for.
pub(super) type Take<'t> = &'t mut dyn FnMut(&Place<'_>, &str) -> ControlFlow<()>;

/// Every text that somebody may have hidden something in: strings, numbers, keys; and what a handler is likely to
/// put together again: a list of words, and a program with the list of its arguments beside it.
pub(super) fn each_text(value: &Value, at: &Place<'_>, take: Take<'_>) -> ControlFlow<()> {
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

/// Every value that is neither list nor object.
pub(super) fn each_leaf(
    value: &Value,
    at: &Place<'_>,
    take: &mut dyn FnMut(&Place<'_>, &Value) -> ControlFlow<()>,
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

/// A string as it is, anything else as JSON prints it.
pub(super) fn text(leaf: &Value) -> Cow<'_, str> {
    match leaf {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

/// `{"command": "rm", "args": ["-rf", "/"]}` is one command line to whoever runs it. All lists are put behind each
/// program at once, so that the work grows with the arguments and not with their square.
fn each_command_line(fields: &Map<String, Value>, at: &Place<'_>, take: Take<'_>) -> ControlFlow<()> {
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

/// A list as the words of one line. Lists and objects in it have their own turn.
fn words(items: &[Value]) -> String {
    let leaves: Vec<_> = items.iter().filter(|item| !item.is_array() && !item.is_object()).map(text).collect();
    leaves.join(" ")
}

impl<'a> Place<'a> {
    /// A field that a rule names.
    pub(super) fn field(pointer: &'a str) -> Self {
        Self { parent: None, step: Step::Root(pointer) }
    }

    fn then<'b>(&'b self, step: Step<'b>) -> Place<'b> {
        Place { parent: Some(self), step }
    }

    /// The place as a JSON Pointer, fit for words.
    pub(super) fn pointer(&self) -> String {
        let mut steps = Vec::new();
        let mut place = Some(self);
        while let Some(Place { parent, step }) = place {
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

/// Puts a key or an index behind a pointer, fit for words: a key may be somebody's secret as well as a value, so one
/// that does not look like a name is left out. What is too long is left out as a whole.
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
        let _ = each_text(value, &Place::field(""), &mut |place, text| {
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
