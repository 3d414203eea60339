//! SQL files: a single statement each, all in use, the same ones in both stores.

use std::collections::BTreeSet;

use crate::hold;
use crate::tree::{files, under, words};

const POSTGRES: &str = "broker/store-postgres/src/";
const SQLITE: &str = "broker/store-sqlite/src/";

/// Statements that only one of the databases needs, with the reason. A folder's name stands for all its files.
const ONLY_ONE: [(&str, &str); 14] = [
    ("brokers/", "brokers share a Postgres and its clock, and tell each other; a SQLite file has one broker"),
    ("connections/", "how a connection is prepared, and what a database says of itself, is each database's own"),
    ("migrations/", "the tables are each database's own"),
    ("signatures/", "Postgres stores a signature over many documents once; SQLite stores a path with each"),
    ("steps/", "what Postgres does to several tables in one statement takes SQLite several, in one transaction"),
    ("leases/claim_plain.sql", "a round trip to Postgres costs more than a statement; SQLite has none to spare"),
    ("limits/lock.sql", "brokers that share a Postgres count limits one after the other; SQLite has one writer"),
    ("pauses/lock.sql", "brokers that share a Postgres end pauses one after the other; SQLite has one writer"),
    ("processes/use_label_index.sql", "only Postgres has an index of labels"),
    ("processes/delete_attempts.sql", "in SQLite nothing changes while a statement waits: it has one writer"),
    ("retention/lock.sql", "brokers that share a Postgres delete one at a time, and holds wait; SQLite has one writer"),
    ("retention/try_lock.sql", "brokers that share a Postgres delete one at a time; SQLite has one writer"),
    ("processes/list_by_labels.sql", "only Postgres has an index of labels"),
    ("sweeps/fold_counts.sql", "many connections to Postgres count at once; SQLite has one writer, which adds at once"),
];

#[test]
fn every_statement_opens_with_a_comment() {
    let silent = statements().filter(|file| !file.text.starts_with("-- "));
    let faults: Vec<String> = silent.map(|file| file.path.clone()).collect();
    hold("open it with `-- `, its parameters, and the race it wins", &faults);
}

#[test]
fn every_statement_is_run() {
    let mut faults = Vec::new();
    for file in statements().filter(|file| file.path.contains("/src/")) {
        let source = file.path.split_once("/src/").map_or("", |(name, _)| name);
        // `sql!("leases/claim.sql")` or `include_str!(…)` may name only the end of the path.
        let mut parts: Vec<&str> = file.path.split('/').collect();
        let mut named = false;
        while !parts.is_empty() && !named {
            let literal = format!("\"{}\"", parts.join("/"));
            named = under(&format!("{source}/"), ".rs").any(|rust| rust.text.contains(&literal));
            parts.remove(0);
        }
        if !named {
            faults.push(file.path.clone());
        }
    }
    hold("no Rust file includes it: remove the statement, or run it", &faults);
}

#[test]
fn a_file_holds_one_statement() {
    let mut faults = Vec::new();
    for file in [POSTGRES, SQLITE].into_iter().flat_map(|store| under(store, ".sql")) {
        if file.path.contains("/migrations/") {
            continue;
        }
        let code: String = file.text.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
        if code.trim().trim_end_matches(';').contains(';') {
            faults.push(file.path.clone());
        }
    }
    hold("one statement a file, named after its method", &faults);
}

#[test]
fn the_two_stores_match_file_for_file() {
    let (postgres, sqlite) = (names_in(POSTGRES), names_in(SQLITE));
    let excused = |name: &&String| ONLY_ONE.iter().any(|(part, _)| name.starts_with(part));
    let faults: Vec<String> = postgres
        .symmetric_difference(&sqlite)
        .filter(|name| !excused(name))
        .map(|name| format!("{name} is only in {}", if postgres.contains(name) { "postgres" } else { "sqlite" }))
        .collect();
    hold("write it for the other database, or say in tests/tidy/statements.rs why only one needs it", &faults);
}

#[test]
fn no_sql_hides_in_rust() {
    const VERBS: [&str; 5] = ["\"SELECT ", "\"INSERT ", "\"UPDATE ", "\"DELETE ", "\"WITH "];
    let mut faults = Vec::new();
    for file in under("broker/src/", ".rs") {
        let tests_from = file.text.find("#[cfg(test)]").map_or(usize::MAX, |start| file.text[..start].lines().count());
        for (line, code) in file.code().take_while(|(line, _)| *line <= tests_from) {
            if VERBS.iter().any(|verb| code.contains(verb)) || words(code, "query!").next().is_some() {
                faults.push(format!("{}:{line}", file.path));
            }
        }
    }
    hold("put the statement into a .sql file of its own", &faults);
}

fn statements() -> impl Iterator<Item = &'static crate::tree::TextFile> {
    files().iter().filter(|file| file.path.ends_with(".sql"))
}

fn names_in(store: &str) -> BTreeSet<String> {
    under(store, ".sql").map(|file| file.path[store.len()..].to_owned()).collect()
}
