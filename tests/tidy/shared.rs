//! Tests run side by side, and share what is not their own database or folder: roles and settings of the whole Postgres, ports, files
//! with fixed names, the environment. Each such thing has one place that owns it.

use crate::hold;
use crate::tree::{TextFile, files};

/// What belongs to all tests, in lower case, and the one file that may touch it.
const SHARED: [(&str, Option<&str>); 10] = [
    ("alter role", Some("bees/tests/finance/harness/database.rs")),
    ("alter system", Some("tests/harness/cluster.rs")),
    ("temp_dir()", Some("tests/harness/ports.rs")),
    ("set_var(", None),
    ("remove_var(", None),
    ("set_current_dir(", None),
    ("path::new(\"/tmp", None),
    ("pathbuf::from(\"/tmp", None),
    ("file::create(\"/", None),
    ("fs::write(\"/", None),
];
/// What a whole Postgres has by name, in lower case.
const NAMED: [&str; 6] =
    ["create database ", "create role ", "create user ", "create tablespace ", "drop database ", "drop role "];
/// Fixed names that are made in one place, once for all.
const NAMES_FOR_ALL: &str = "bees/tests/finance/harness/database.rs";
/// How a test says where something listens, as far as the port.
const LISTENS: [&str; 4] = ["bind(\"127.0.0.1:", "bind(\"0.0.0.0:", "bind(\"[::1]:", "listen=127.0.0.1:"];

/// Ports from here on may be somebody's; nobody listens on those below, which tests name to find nobody.
const PORT_MIN: u16 = 1024;

#[test]
fn what_all_tests_share_has_one_owner() {
    let mut faults = Vec::new();
    for file in tests() {
        for (number, line) in file.code() {
            let line = line.to_lowercase();
            let is_foreign = |(what, owner): &&(&str, Option<&str>)| {
                line.contains(what) && owner.is_none_or(|owner| owner != file.path)
            };
            faults.extend(SHARED.iter().filter(is_foreign).map(|(what, _)| format!("{}:{number}: {what}", file.path)));
        }
    }
    hold(
        "tests run side by side: use a folder, port or database of the test's own, or the one place that owns this",
        &faults,
    );
}

#[test]
fn no_test_listens_on_a_fixed_port() {
    let mut faults = Vec::new();
    for file in tests() {
        for (number, line) in file.code() {
            let port = |rest: &str| rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|port| port.parse().ok());
            let is_fixed = |start: &str| line.split(start).skip(1).filter_map(port).any(|port: u16| port >= PORT_MIN);
            if LISTENS.iter().any(|start| is_fixed(start)) {
                faults.push(format!("{}:{number}", file.path));
            }
        }
    }
    hold("take port 0, or one from `apiary_tests::Port`: another test may be there", &faults);
}

#[test]
fn what_a_whole_postgres_has_by_name_has_a_drawn_name() {
    let mut faults = Vec::new();
    for file in tests().filter(|file| file.path != NAMES_FOR_ALL) {
        for (number, line) in file.code() {
            let line = line.to_lowercase();
            let name = |rest: &str| {
                rest.split([' ', ';', '"']).find(|word| !["if", "exists"].contains(word)).map(str::to_owned)
            };
            let is_fixed = |what: &str| line.split(what).skip(1).filter_map(name).any(|name| !name.contains('{'));
            faults.extend(
                NAMED.iter().filter(|what| is_fixed(what)).map(|what| format!("{}:{number}: {what}", file.path)),
            );
        }
    }
    hold("draw the name, with a UUID: another test, or another run, may be on the same server", &faults);
}

/// Rust files with tests and what tests stand on.
fn tests() -> impl Iterator<Item = &'static TextFile> {
    let is_test = |file: &&TextFile| {
        let path = file.path.as_str();
        path.ends_with(".rs") && (path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("tests.rs"))
    };
    // The law itself names all of it.
    files().iter().filter(is_test).filter(|file| !file.path.starts_with("tests/tidy/"))
}
