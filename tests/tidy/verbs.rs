//! Names of verbs, the same at every layer: the files named `claim` are the whole feature.

use crate::hold;
use crate::tree::{file, under};

/// A gRPC call of the schema.
struct Rpc {
    /// `claim`, `get_process`.
    name: String,
    /// The file of the schema that has it: `leases`.
    nouns: String,
}

/// Verbs that need no file in a layer, and the reason.
const NO_VERB: &[(&str, &str, &str)] = &[
    ("engine", "connect", "it tells what the broker knows of itself"),
    ("store", "connect", "it tells what the broker knows of itself"),
    ("engine", "submit_batch", "each of its specs is a submit"),
    ("store", "submit_batch", "each of its specs is a submit"),
    ("engine", "end_batch", "each of its results is a complete or a fail"),
    ("store", "end_batch", "each of its results is a complete or a fail"),
    ("store", "await", "it reads the summary of the process that is told to have changed"),
    ("store", "enforce_retention", "it deletes as the sweep does"),
    ("store", "watch", "it reads the summaries of processes that are told to have changed"),
];

/// The commands of the calls that people make. A command's folder is the noun in the singular.
const COMMANDS: &[(&str, &str)] = &[
    ("create_colony", "colony/create"),
    // `show` and not `get`: there is only the caller's own colony.
    ("get_colony", "colony/show"),
    ("set_guard", "guard/set"),
    ("get_guard", "guard/show"),
    ("add_grant", "grant/add"),
    ("list_grants", "grant/list"),
    ("revoke_grant", "grant/revoke"),
    ("register_executor", "executor/register"),
    ("list_executors", "executor/list"),
    ("reject_executor", "executor/reject"),
    ("drain_executor", "executor/drain"),
    ("list_functions", "function/list"),
    ("submit", "process/submit"),
    ("get_process", "process/show"),
    ("list_processes", "process/list"),
    ("watch", "process/watch"),
    ("claim", "lease/claim"),
    ("renew", "lease/renew"),
    ("report", "lease/report"),
    ("add_logs", "lease/log"),
    ("set_attributes", "lease/set"),
    ("complete", "lease/complete"),
    ("fail", "lease/fail"),
    ("release", "lease/release"),
    ("cancel", "process/cancel"),
    ("redrive", "process/redrive"),
    ("discard", "process/discard"),
    ("retry", "process/retry"),
    ("delete", "process/delete"),
    ("list_logs", "process/logs"),
    // For people, a pause is a thing that is added and removed.
    ("pause", "pause/add"),
    ("resume", "pause/remove"),
    ("list_pauses", "pause/list"),
    ("explain", "process/explain"),
    ("start_bulk", "bulk/start"),
    ("get_bulk", "bulk/show"),
    ("list_bulks", "bulk/list"),
    ("stop_bulk", "bulk/stop"),
    ("explain_executor", "executor/explain"),
    ("get_health", "colony/health"),
    ("set_limit", "limit/set"),
    ("remove_limit", "limit/remove"),
    ("list_limits", "limit/list"),
    ("list_events", "event/list"),
    // The same call with `go_on` is a command of its own: `bulk resume`.
];

/// Calls without a command, made only by programs.
const NO_COMMAND: &[&str] = &[
    "connect",
    "await",
    "submit_batch",
    "end_batch",
    // The archive bee's; people submit its functions.
    "start_archive",
    "list_unarchived",
    "add_archive",
    "find_archive",
    "list_archives",
    "restore",
    "enforce_retention",
];

#[test]
fn every_noun_has_its_door() {
    let missing =
        rpcs().into_iter().map(|rpc| format!("broker/src/rpc/{}.rs", rpc.nouns)).filter(|path| file(path).is_none());
    hold("write the file: it translates the noun's calls, and decides nothing", &distinct(missing));
}

#[test]
fn every_verb_is_in_the_engine() {
    let mut faults = Vec::new();
    for rpc in rpcs().iter().filter(|rpc| !excused("engine", rpc)) {
        let folder = format!("broker/src/engine/{}/", rpc.nouns);
        if !rpc.spellings().iter().any(|name| file(&format!("{folder}{name}.rs")).is_some()) {
            faults.push(format!("{folder}{}.rs", rpc.verb()));
        }
    }
    hold("name the engine's file after the call", &faults);
}

#[test]
fn every_verb_has_its_statement_in_both_stores() {
    let mut faults = Vec::new();
    for rpc in rpcs().iter().filter(|rpc| !excused("store", rpc)) {
        for store in ["postgres", "sqlite"] {
            let folder = format!("broker/store-{store}/src/{}/", rpc.nouns);
            let spellings = rpc.spellings();
            // A verb of several statements has several files: `submit.sql`, `submit_known.sql`.
            let mut found = under(&folder, ".sql").filter(|file| {
                spellings.iter().any(|name| file.stem() == *name || file.stem().starts_with(&format!("{name}_")))
            });
            if found.next().is_none() {
                faults.push(format!("{folder}{}.sql", rpc.verb()));
            }
        }
    }
    hold("name the statement after the call, or say in tests/tidy/verbs.rs why it needs none", &faults);
}

#[test]
fn every_verb_has_its_test() {
    let mut faults = Vec::new();
    for rpc in rpcs() {
        let folder = format!("tests/it/{}/", rpc.nouns);
        if !rpc.spellings().iter().any(|name| file(&format!("{folder}{name}.rs")).is_some()) {
            faults.push(format!("{folder}{}.rs", rpc.verb()));
        }
    }
    hold("write the test of the call, over a real socket", &faults);
}

#[test]
fn every_verb_of_people_is_a_command() {
    let mut faults = Vec::new();
    for rpc in rpcs().iter().filter(|rpc| !NO_COMMAND.contains(&rpc.name.as_str())) {
        match COMMANDS.iter().find(|(name, _)| *name == rpc.name) {
            None => faults.push(format!("{} is neither a command nor named as a program's", rpc.name)),
            Some((_, command)) => {
                let path = format!("cli/src/commands/{command}.rs");
                faults.extend(file(&path).is_none().then_some(path));
            }
        }
    }
    hold("write the command, in the file that bears the call's name", &faults);
}

#[test]
fn every_command_is_in_the_file_that_bears_its_name() {
    let mut faults = Vec::new();
    let nouns = under("cli/src/commands/", "/mod.rs").filter(|file| file.path.matches('/').count() == 4);
    for noun in nouns {
        let folder = noun.path.trim_end_matches("mod.rs");
        for (variant, file_name) in dispatched(&noun.text) {
            let wanted = snake(variant);
            if wanted != file_name && file(&format!("{folder}{file_name}.rs")).is_some() {
                faults.push(format!("{folder}{file_name}.rs runs the command `{}`", wanted.replace('_', "-")));
            }
        }
    }
    hold("name the file after the command as people type it", &faults);
}

/// The variants of a noun's commands, each with the module that runs it: `Self::New(arguments) => new::run(…)`.
fn dispatched(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let (variant, rest) = line.trim().strip_prefix("Self::")?.split_once('(')?;
        let (_, call) = rest.split_once("=> ")?;
        Some((variant, call.split_once("::run")?.0))
    })
}

/// `DryRun` as `dry_run`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[test]
fn the_exceptions_are_still_calls() {
    let known: Vec<String> = rpcs().into_iter().map(|rpc| rpc.name).collect();
    let excepted = NO_VERB
        .iter()
        .map(|(_, name, _)| *name)
        .chain(NO_COMMAND.iter().copied())
        .chain(COMMANDS.iter().map(|(name, _)| *name));
    let faults = distinct(excepted.filter(|name| !known.iter().any(|rpc| rpc == name)).map(str::to_owned));
    hold("no such call is in the schema: remove it from the tables in tests/tidy/verbs.rs", &faults);
    assert!(known.len() >= 14, "the schema's calls are found: {known:?}");
}

impl Rpc {
    /// Returns the call's name without its noun: `get` of `get_process`.
    fn verb(&self) -> &str {
        let noun = singular(&self.nouns);
        [self.nouns.as_str(), &noun]
            .iter()
            .find_map(|noun| self.name.strip_suffix(noun)?.strip_suffix('_'))
            .unwrap_or(&self.name)
    }

    /// Returns the names that its files may have.
    fn spellings(&self) -> [&str; 2] {
        [&self.name, self.verb()]
    }
}

fn rpcs() -> Vec<Rpc> {
    let mut rpcs = Vec::new();
    for schema in under("proto/schema/apiary/v1/", ".proto") {
        for line in schema.text.lines() {
            let call = line.trim_start().strip_prefix("rpc ").and_then(|rest| rest.split_once('('));
            rpcs.extend(call.map(|(name, _)| Rpc { name: snake_case(name), nouns: schema.stem().to_owned() }));
        }
    }
    rpcs
}

fn excused(layer: &str, rpc: &Rpc) -> bool {
    NO_VERB.iter().any(|(at, name, _)| *at == layer && *name == rpc.name)
}

fn singular(nouns: &str) -> String {
    match nouns.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => nouns
            .strip_suffix("sses")
            .map_or_else(|| nouns.trim_end_matches('s').to_owned(), |stem| format!("{stem}ss")),
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    names.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

#[test]
fn a_verb_is_found_with_and_without_its_noun() {
    let rpc = |name: &str, nouns: &str| Rpc { name: snake_case(name), nouns: nouns.to_owned() };
    assert_eq!(rpc("GetProcess", "processes").spellings(), ["get_process", "get"]);
    assert_eq!(rpc("ListProcesses", "processes").verb(), "list");
    assert_eq!(rpc("CreateColony", "colonies").verb(), "create");
    assert_eq!(rpc("Claim", "leases").verb(), "claim");
}
