//! Spans of the log: each one, and each of its fields, stands in the table of `docs/observability.md`.

use std::collections::BTreeMap;

use crate::hold;
use crate::tree::{file, rust};

const PAGE: &str = "docs/observability.md";
/// The row of this column begins the table.
const HEAD: &str = "| span |";

/// Names of spans with their fields.
type Spans = BTreeMap<String, Vec<String>>;

#[test]
fn every_span_and_field_is_documented() {
    let (written, documented) = (in_code(), in_the_table());
    let mut faults = Vec::new();
    for (name, fields) in &written {
        if fields.iter().any(|field| field == "name") {
            faults.push(format!("`{name}`: in a log in JSON, `name` is the span's own name"));
        }
        match documented.get(name) {
            None => faults.push(format!("`{name}` is missing")),
            Some(known) => {
                faults.extend(
                    fields
                        .iter()
                        .filter(|field| !known.contains(field))
                        .map(|field| format!("`{name}`: `{field}` is missing")),
                );
                faults.extend(
                    known
                        .iter()
                        .filter(|field| !fields.contains(field))
                        .map(|field| format!("`{name}` has no field `{field}`")),
                );
            }
        }
    }
    faults.extend(
        documented.keys().filter(|name| !written.contains_key(*name)).map(|name| format!("no code makes `{name}`")),
    );
    hold("the table of docs/observability.md is what users filter by: keep it and the code alike", &faults);
}

/// The spans that are made outside of tests.
fn in_code() -> Spans {
    let mut spans = Spans::new();
    for file in rust().filter(|file| file.path.contains("/src/") && !file.path.ends_with("tests.rs")) {
        let code: String = file.code().map(|(_, code)| format!("{code} ")).collect();
        for (start, _) in code.match_indices("_span!(") {
            let (name, fields) = parsed(&code[start + "_span!(".len()..]);
            spans.entry(name).or_default().extend(fields);
        }
    }
    spans
}

/// The name and the fields of a macro's arguments: `"rpc", request_id = id, %peer, method)`.
fn parsed(arguments: &str) -> (String, Vec<String>) {
    let mut items = items(arguments).into_iter();
    let name = items.next().unwrap_or_default().trim().trim_matches('"').to_owned();
    let fields =
        items.map(|item| item.split('=').next().unwrap_or_default().trim().trim_start_matches(['%', '?']).to_owned());
    (name, fields.filter(|field| !field.is_empty()).collect())
}

/// The arguments up to the closing bracket.
fn items(arguments: &str) -> Vec<&str> {
    let (mut items, mut start, mut open, mut is_quoted) = (Vec::new(), 0, 0, false);
    for (index, c) in arguments.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '(' | '[' | '{' => open += 1,
            ')' if open == 0 => {
                items.push(&arguments[start..index]);
                break;
            }
            ')' | ']' | '}' => open -= 1,
            ',' if open == 0 => {
                items.push(&arguments[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    items
}

/// The rows of the table: the name in the first column, the fields in the last.
fn in_the_table() -> Spans {
    let text = file(PAGE).map_or("", |page| page.text.as_str());
    let rows = text.lines().skip_while(|line| !line.starts_with(HEAD)).skip(2).take_while(|line| line.starts_with('|'));
    let row = |line: &str| {
        let columns: Vec<&str> = line.trim_matches('|').split('|').collect();
        Some((ticked(columns.first()?).pop()?, ticked(columns.last()?)))
    };
    rows.filter_map(row).collect()
}

/// The words in backticks.
fn ticked(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn a_span_is_taken_apart() {
    let (name, fields) = parsed(r#" "rpc", id = of(a, b), %peer, text = "a, b", key = Empty, ); more(1, 2)"#);
    assert_eq!((name.as_str(), fields), ("rpc", ["id", "peer", "text", "key"].map(str::to_owned).to_vec()));
    assert_eq!(ticked("`a`, `b`"), ["a", "b"]);
}
