//! Files: their size, their place, their names, their first line.

use crate::hold;
use crate::tree::{files, rust, under, words};

/// Maximum number of lines, so that a file can be read in one sitting.
const LINES_MAX: usize = 500;
/// Maximum depth of folders below a crate's `src`.
const FOLDERS_MAX: usize = 3;

/// Crates with a `src` folder.
const CRATES: [&str; 16] = [
    "proto",
    "identity",
    "protocol",
    "daemon",
    "database",
    "broker",
    "broker/store",
    "broker/store-postgres",
    "broker/store-sqlite",
    "executor-sdk",
    "settings",
    "notify",
    "bees",
    "adapters",
    "cli",
    "xtask",
];

/// Files of commands that people type as `new`.
const COMMANDS_NEW: [&str; 2] = ["cli/src/commands/key/", "cli/src/commands/tls/"];

/// Names that say nothing about the content, or only about its age.
const EMPTY_WORDS: [&str; 13] =
    ["util", "utils", "utility", "common", "helper", "helpers", "manager", "misc", "stuff", "v2", "v3", "old", "new"];

#[test]
fn every_rust_file_says_what_it_is() {
    let silent = rust().filter(|file| !file.text.starts_with("//! "));
    let faults: Vec<String> = silent.map(|file| file.path.clone()).collect();
    hold("open the file with `//! ` and a sentence that says what it is", &faults);
}

#[test]
fn every_file_is_read_in_one_sitting() {
    let long = files()
        .iter()
        .filter(|file| !file.is_generated() && [".rs", ".sql", ".sh"].iter().any(|end| file.path.ends_with(end)));
    let faults: Vec<String> = long
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(file, lines)| format!("{} has {lines} lines", file.path))
        .collect();
    hold("divide it where its subject divides; 500 lines are the most", &faults);
}

#[test]
fn folders_are_at_most_three_deep() {
    let mut faults = Vec::new();
    for name in CRATES {
        let source = format!("{name}/src/");
        let deep = under(&source, "").filter(|file| file.path[source.len()..].matches('/').count() > FOLDERS_MAX);
        faults.extend(deep.map(|file| file.path.clone()));
    }
    hold("move it up: nobody finds what lies four folders below src", &faults);
}

#[test]
fn names_of_files_say_what_is_in_them() {
    let mut faults = Vec::new();
    for file in files().iter().filter(|file| !file.is_generated() && !file.is_printed()) {
        let path = file.path.strip_suffix(".rs").unwrap_or(&file.path);
        let empty = path.split(['/', '_', '-', '.']).find(|word| EMPTY_WORDS.contains(word));
        let empty = empty.filter(|word| *word != "new" || !is_command_new(&file.path));
        faults.extend(empty.map(|word| format!("{}: `{word}`", file.path)));
    }
    hold("name the file after what it is about", &faults);
}

#[test]
fn names_of_types_say_what_they_are() {
    const ENDINGS: [&str; 6] = ["Manager", "Util", "Utils", "Helper", "Helpers", "V2"];
    let mut faults = Vec::new();
    for file in rust() {
        for (line, code) in file.code() {
            for keyword in ["struct", "enum", "trait", "type", "mod"] {
                let names =
                    words(code, keyword).filter_map(|start| code[start + keyword.len()..].split_whitespace().next());
                let names = names.map(|name| name.trim_end_matches(|c: char| !c.is_alphanumeric()));
                let names = names.filter(|name| *name != "new" || !is_command_new(&file.path));
                let empty =
                    |name: &&str| ENDINGS.iter().any(|ending| name.ends_with(ending)) || EMPTY_WORDS.contains(name);
                faults.extend(names.filter(empty).map(|name| format!("{}:{line} {keyword} {name}", file.path)));
            }
        }
    }
    hold("name it after what it is; a manager manages what?", &faults);
}

fn is_command_new(path: &str) -> bool {
    COMMANDS_NEW.iter().any(|folder| path.starts_with(folder))
}

#[test]
fn a_module_has_one_home() {
    let twice = rust().filter(|file| {
        file.path.strip_suffix("/mod.rs").is_some_and(|folder| crate::tree::file(&format!("{folder}.rs")).is_some())
    });
    let faults: Vec<String> = twice.map(|file| file.path.clone()).collect();
    hold("either `name.rs` or `name/mod.rs`", &faults);
}
