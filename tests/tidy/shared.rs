//! Resources shared by concurrent tests: roles and settings of the whole Postgres, ports, files with fixed names, the
//! environment. Each has a single owner in the code.

use crate::hold;
use crate::tree::tests;

/// Marks of shared resources, in lower case, and the only file that may use each.
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
/// Statements on objects named across a whole Postgres, in lower case.
const NAMED: [&str; 6] =
    ["create database ", "create role ", "create user ", "create tablespace ", "drop database ", "drop role "];
/// The only file that creates objects with fixed names, for all tests.
const NAMES_FOR_ALL: &str = "bees/tests/finance/harness/database.rs";
/// Texts before a port on which a test listens.
const LISTENS: [&str; 4] = ["bind(\"127.0.0.1:", "bind(\"0.0.0.0:", "bind(\"[::1]:", "listen=127.0.0.1:"];

/// Lowest port that may be in use. Tests use lower ones as addresses without a server.
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
