//! Words and marks that must not be committed.

use crate::hold;
use crate::tree::{files, rust, under};

/// Libraries, which report by `tracing` or by return values.
const LIBRARIES: [&str; 11] = [
    "proto",
    "identity",
    "protocol",
    "daemon",
    "database",
    "broker",
    "executor-sdk",
    "settings",
    "notify",
    "bees",
    "adapters",
];

/// Marks of unfinished work, in two parts, so that this file does not find itself.
const UNFINISHED: [&str; 7] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
    concat!("HA", "CK:"),
    concat!("todo", "!("),
    concat!("unimple", "mented!("),
    concat!("dbg", "!("),
];

/// Folders specific to a machine.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];

#[test]
fn nothing_is_left_for_later() {
    let faults = lines_with(&UNFINISHED, |path| !path.ends_with(".json"));
    hold("do it now, or write an issue; the code shows what is", &faults);
}

#[test]
fn no_path_of_one_machine_is_committed() {
    let faults = lines_with(&MACHINE_PATHS, |_| true);
    hold("take the path from a setting, or from where the program is", &faults);
}

#[test]
fn libraries_print_nothing() {
    let mut faults = Vec::new();
    for name in LIBRARIES {
        for file in under(&format!("{name}/src/"), ".rs") {
            for (line, code) in file.code() {
                if ["println!(", "print!("].iter().any(|print| code.contains(print)) {
                    faults.push(format!("{}:{line}", file.path));
                }
            }
        }
    }
    hold("use `tracing`, or return it", &faults);
}

#[test]
fn logs_show_nothing_of_rusts_own() {
    let mut faults = Vec::new();
    for file in rust().filter(|file| file.path.contains("/src/")) {
        for (line, code) in file.code().filter(|(_, code)| has_debug_field(code)) {
            faults.push(format!("{}:{line}: {}", file.path, code.trim()));
        }
    }
    hold("a field of a log line is text or a number: `%field`, or a word of its own instead of `?field`", &faults);
}

/// Returns `true` if a field is logged in Rust's debug form: a question mark before a name, at the start of a field,
/// and not in a text.
fn has_debug_field(code: &str) -> bool {
    code.match_indices('?').any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + 1..]);
        let begins = before.trim_end().is_empty() || before.trim_end().ends_with(['(', ',', '=']);
        begins
            && before.matches('"').count() % 2 == 0
            && after.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
    })
}

#[test]
fn a_debug_field_is_told_from_other_question_marks() {
    for code in ["info!(?kept, \"x\");", "    ?lost,", "warn!(a = ?b.c, \"x\")"] {
        assert!(has_debug_field(code), "{code}");
    }
    for code in ["let a = b?;", "call(a?, b?)", "r\"(?i)x\"", "T: ?Sized", ".call()?.next()"] {
        assert!(!has_debug_field(code), "{code}");
    }
}

#[test]
fn lines_end_where_their_text_ends() {
    let mut faults = Vec::new();
    for file in files().iter().filter(|file| !file.is_generated() && !file.is_printed()) {
        let ragged = file.text.split('\n').enumerate().filter(|(_, line)| line.ends_with([' ', '\t', '\r']));
        faults.extend(ragged.map(|(index, _)| format!("{}:{}", file.path, index + 1)));
        if !file.text.is_empty() && (!file.text.ends_with('\n') || file.text.ends_with("\n\n")) {
            faults.push(format!("{} does not end with one line's end", file.path));
        }
    }
    hold("remove what follows the text; end the file with one `\\n`", &faults);
}

/// First words that make a comment a riddle, because the reader does not know yet what they stand for.
const RIDDLES: [&str; 21] = [
    "What",
    "How",
    "It",
    "Its",
    "Who",
    "Whoever",
    "Whom",
    "Whose",
    "One",
    "That",
    "Where",
    "Why",
    "Which",
    "Whether",
    "Those",
    "Somebody",
    "Something",
    "They",
    "There",
    "As",
    "Of",
];

#[test]
fn doc_comments_begin_with_their_subject() {
    let mut faults = Vec::new();
    for file in rust().filter(|file| !file.is_generated()) {
        let mut inside = false;
        for (index, line) in file.text.lines().enumerate() {
            let words = ["///", "//!"].iter().find_map(|mark| line.trim_start().strip_prefix(mark));
            let first = words.unwrap_or_default().split(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty());
            if words.is_some_and(|words| words.trim_start().starts_with(char::is_alphanumeric)) && !inside {
                faults.extend(
                    first.filter(|word| RIDDLES.contains(word)).map(|_| format!("{}:{}", file.path, index + 1)),
                );
            }
            inside = words.is_some();
        }
    }
    hold("begin with a noun for a thing, and with a verb in the third person for a function", &faults);
}

fn lines_with(marks: &[&str], looked_at: impl Fn(&str) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files().iter().filter(|file| !file.is_generated() && looked_at(&file.path)) {
        for (index, line) in file.text.lines().enumerate() {
            let found = marks.iter().filter(|mark| line.contains(**mark));
            faults.extend(found.map(|mark| format!("{}:{} `{mark}`", file.path, index + 1)));
        }
    }
    faults
}
