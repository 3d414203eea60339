//! Causes of tests that fail now and then: fixed waits, and randomness that no run can repeat.

use crate::hold;
use crate::tree::{TextFile, rust};

/// Ways to let time pass.
const SLEEPS: [&str; 4] = ["sleep(", "sleep_until(", "park_timeout(", "interval("];

/// Files with tests in which time must pass, and the reason. A comment at each place says the same of that place.
const TIME_PASSES: [(&str, &str); 17] = [
    ("adapters/tests/it/slow.rs", "a sender is slow"),
    ("cli/tests/it/up.rs", "a start is killed at arbitrary moments"),
    ("executor-sdk/tests/runtime/work.rs", "handlers overlap"),
    ("tests/bench/span.rs", "spans are measured"),
    ("tests/harness/proxy.rs", "a connection is slow"),
    ("tests/it/attacks/scene.rs", "attackers keep a pace"),
    ("tests/it/attacks/streams.rs", "attackers keep a pace"),
    ("tests/it/brokers/readiness.rs", "nothing must be written for some seconds"),
    ("tests/it/databases/outages.rs", "an outage lasts two seconds"),
    ("tests/it/restart/broker.rs", "a load keeps a pace"),
    ("tests/it/restart/database.rs", "a load keeps a pace, and an outage lasts ten seconds"),
    ("tests/it/restart/kill.rs", "parts are killed at arbitrary moments, and senders keep a pace"),
    ("tests/it/restart/undelivered.rs", "a broker is killed at arbitrary moments, and stands still"),
    ("tests/soak/load.rs", "senders keep a pace"),
    ("tests/soak/plan.rs", "a run has a course in time"),
    ("tests/soak/stage.rs", "the database is read now and then"),
    ("tests/store/cancellation.rs", "a call is dropped at each of its awaits"),
];

/// Files whose tests sleep by a paused clock, so that no time passes.
const CLOCK_IS_PAUSED: [&str; 5] = [
    "adapters/src/forwarder/tests.rs",
    "adapters/src/outbox/submitter.rs",
    "broker/src/engine/readiness.rs",
    "daemon/src/door/bodies/tests.rs",
    "daemon/src/supervisor.rs",
];

/// Random numbers without a seed.
const UNSEEDED: [&str; 6] = ["rand::rng", "rand::random", "rand::{", "thread_rng", "SysRng", "fastrand::"];

/// Files that may draw such numbers, and the reason.
const UNSEEDED_IN: [(&str, &str); 2] = [
    ("tests/harness/random.rs", "draws the seed, and prints it"),
    ("tests/harness/ports.rs", "the draw only spreads the ports, and no outcome depends on it"),
];

#[test]
fn tests_wait_for_conditions() {
    let mut faults = Vec::new();
    for file in code_with_tests().filter(|file| !CLOCK_IS_PAUSED.contains(&file.path.as_str())) {
        let excused = TIME_PASSES.iter().any(|(path, _)| *path == file.path);
        faults.extend(sleeps(file).filter(|line| !(excused && has_reason(file, *line))).map(|line| at(file, line)));
    }
    hold(
        "wait with `eventually`; where time must pass, add the file to the list, and a comment with the reason",
        &faults,
    );
}

#[test]
fn no_excuse_for_a_sleep_is_left_over() {
    let has_sleep = |path: &str| rust().any(|file| file.path == path && sleeps(file).next().is_some());
    let excused = TIME_PASSES.iter().map(|(path, _)| *path).chain(CLOCK_IS_PAUSED);
    let mut faults: Vec<String> = excused.filter(|path| !has_sleep(path)).map(str::to_owned).collect();
    let paused = |path: &str| rust().any(|file| file.path == path && file.text.contains("start_paused = true"));
    faults.extend(CLOCK_IS_PAUSED.iter().filter(|path| !paused(path)).map(|path| format!("{path}: no paused clock")));
    hold("take the file off the list in tests/tidy/flakiness.rs", &faults);
}

#[test]
fn random_choices_of_tests_have_a_seed() {
    let mut faults = Vec::new();
    for file in code_with_tests().filter(|file| !UNSEEDED_IN.iter().any(|(path, _)| *path == file.path)) {
        let unseeded = file.test_code().filter(|(_, code)| UNSEEDED.iter().any(|mark| code.contains(mark)));
        faults.extend(unseeded.map(|(line, _)| at(file, line)));
    }
    hold("take `apiary_tests::random::generator()`, which prints its seed", &faults);
}

/// Returns the Rust files, without the tidy tests, which contain all marks.
fn code_with_tests() -> impl Iterator<Item = &'static TextFile> {
    rust().filter(|file| !file.path.starts_with("tests/tidy/"))
}

/// Returns the lines on which a test of this file lets time pass.
fn sleeps(file: &TextFile) -> impl Iterator<Item = usize> {
    // The echo bee has a function of this name, which is called with its arguments.
    let is_sleep = |code: &str| SLEEPS.iter().any(|mark| code.contains(mark)) && !code.contains("sleep(Sleep {");
    file.test_code().filter(move |(_, code)| is_sleep(code)).map(|(line, _)| line)
}

/// Returns `true` if a comment stands on this line or above it.
fn has_reason(file: &TextFile, line: usize) -> bool {
    let lines: Vec<&str> = file.text.lines().collect();
    lines[line - 1].contains("// ")
        || line.checked_sub(2).is_some_and(|above| lines[above].trim_start().starts_with("//"))
}

fn at(file: &TextFile, line: usize) -> String {
    format!("{}:{line}", file.path)
}
