//! Layers point down only.

use crate::hold;
use crate::tree::{TextFile, under, words};

/// The parts of the broker that each part may use. `Error` stands for the exports of `lib.rs`. Files of no part in this
/// table are the wiring, which may use everything.
const BROKER: [(&str, &[&str]); 11] = [
    ("limits", &[]),
    ("metrics", &[]),
    ("error", &["limits"]),
    // A permit proves that `auth` allowed a call: the engine requires it, but can neither make one nor check rights
    // itself.
    (
        "engine",
        &[
            "limits",
            "error",
            "Error",
            "auth::Permit",
            "auth::ServerPermit",
            "auth::Who",
            "auth::action",
            "grant_cache",
            "refusals",
            "addresses",
            "hearing",
            "metrics",
        ],
    ),
    ("grant_cache", &["limits", "Error", "hearing"]),
    ("refusals", &["limits", "Error"]),
    ("addresses", &["limits"]),
    ("hearing", &["limits"]),
    ("auth", &["grant_cache", "limits", "error", "Error", "refusals", "addresses", "metrics"]),
    ("rpc", &["auth", "engine", "limits", "error", "Error", "StartError", "metrics"]),
    ("config", &["limits", "error", "Error", "StartError"]),
];

/// The parts of the crate `apiary-store` that each layer may name. The rest is for those who implement a store.
const STORE: [(&str, &[&str]); 9] = [
    ("metrics", &["model"]),
    ("error", &["StoreError"]),
    ("engine", &["model", "lifecycle", "limits", "Store", "StoreError", "StoreResult"]),
    ("grant_cache", &["model", "Store"]),
    ("refusals", &["model"]),
    ("addresses", &["model"]),
    ("auth", &["model", "limits"]),
    ("rpc", &["model", "limits"]),
    ("config", &[]),
];

/// Files that put the layers together.
const WIRING: [&str; 2] = ["broker/src/broker.rs", "broker/src/lib.rs"];

#[test]
fn the_brokers_layers_point_down() {
    let mut faults = Vec::new();
    for file in under("broker/src/", ".rs") {
        let Some((_, allowed)) = BROKER.iter().find(|(layer, _)| *layer == layer_of(file)) else { continue };
        for (line, name) in names_from_the_root(file) {
            let own = name.split("::").next() == Some(layer_of(file));
            let fits = |allowed: &&str| name == **allowed || name.starts_with(&format!("{allowed}::"));
            if !own && !allowed.iter().any(fits) {
                faults.push(format!("{}:{line} names {name}", file.path));
            }
        }
    }
    hold("a layer names only those below it: move the code down, or hand in what it needs", &faults);
}

#[test]
fn a_layer_is_left_by_its_name_not_by_super() {
    let mut faults = Vec::new();
    for file in under("broker/src/", ".rs") {
        for (line, code) in file.code() {
            for layer in BROKER.map(|(layer, _)| layer) {
                if layer != layer_of(file) && code.contains(&format!("super::{layer}::")) {
                    faults.push(format!("{}:{line} reaches {layer} by super", file.path));
                }
            }
        }
    }
    hold("write `crate::<layer>`, so that the law about layers can see it", &faults);
}

#[test]
fn each_layer_names_its_part_of_the_store() {
    let mut faults = Vec::new();
    for file in under("broker/src/", ".rs") {
        let Some((_, allowed)) = STORE.iter().find(|(layer, _)| *layer == layer_of(file)) else { continue };
        for (line, name) in names_below("apiary_store", file) {
            let part = name.split("::").next().unwrap_or_default();
            if !allowed.contains(&part) {
                faults.push(format!("{}:{line} names apiary_store::{name}", file.path));
            }
        }
    }
    hold(
        "only the engine asks the store, and by its contract alone: add a method to broker/store/src/contract",
        &faults,
    );
}

/// The engine's folders, the most general first: each uses only folders before it.
const ENGINE: [&str; 21] = [
    "clock",
    "passes",
    "retention",
    "presence",
    "explain",
    "schemas",
    "limits",
    "dispatch",
    "commit",
    "notify",
    "events",
    "leases",
    "grants",
    "executors",
    "colonies",
    "pauses",
    "processes",
    "archives",
    "bulks",
    "background",
    "gauges",
];

#[test]
fn the_engines_folders_have_no_circles() {
    let mut faults = Vec::new();
    for file in under("broker/src/engine/", ".rs") {
        let folder = file.path.trim_start_matches("broker/src/engine/").split(['/', '.']).next().unwrap_or_default();
        if ["machine", "mod", "readiness"].contains(&folder) {
            continue;
        }
        let Some(place) = ENGINE.iter().position(|name| *name == folder) else {
            faults.push(format!("{} is in no folder of ENGINE in tests/tidy/layers.rs", file.path));
            continue;
        };
        for (line, name) in names_from_the_root(file) {
            let below = ENGINE.iter().position(|other| name.strip_prefix("engine::") == Some(other));
            if below.is_some_and(|other| other > place) {
                faults.push(format!("{}:{line} names {name}", file.path));
            }
        }
    }
    hold("a folder of the engine names only those before it in ENGINE: move what both need down", &faults);
}

#[test]
fn only_the_store_names_sqlx() {
    let faults = naming("sqlx", |_| false);
    hold("only the crates in broker/store* speak SQL: add a method to the store's contract", &faults);
}

#[test]
fn only_rpc_and_the_wiring_name_the_wire() {
    let faults = naming("apiary_proto", |path| path.starts_with("broker/src/rpc/") || WIRING.contains(&path));
    hold("only broker/src/rpc translates messages: use a type of broker/store/src/model", &faults);
}

#[test]
fn the_rim_of_the_broker_is_only_where_calls_come_in() {
    let faults = naming("tonic", |path| path.starts_with("broker/src/rpc/") || WIRING.contains(&path));
    hold("only broker/src/rpc knows gRPC: answer with broker/src/error.rs", &faults);
}

fn naming(word: &str, may: impl Fn(&str) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    for file in under("broker/src/", ".rs").filter(|file| !may(&file.path)) {
        for (line, code) in file.code() {
            if words(code, word).next().is_some() {
                faults.push(format!("{}:{line} names {word}", file.path));
            }
        }
    }
    faults
}

/// Returns the first folder below `src`, or the file.
fn layer_of(file: &TextFile) -> &str {
    let inside = file.path.trim_start_matches("broker/src/");
    inside.split(['/', '.']).next().unwrap_or_default()
}

/// Returns the names after each `crate::`, two deep, with braces expanded.
fn names_from_the_root(file: &TextFile) -> Vec<(usize, String)> {
    names_below("crate", file)
}

/// Returns the names after each `root::`, two deep, with braces expanded.
fn names_below(root: &str, file: &TextFile) -> Vec<(usize, String)> {
    let prefix = format!("{root}::");
    let code: Vec<(usize, &str)> = file.code().collect();
    let mut names = Vec::new();
    for (index, (line, text)) in code.iter().enumerate() {
        for start in words(text, root) {
            let Some(first) = text[start..].strip_prefix(prefix.as_str()) else { continue };
            // A list of names may continue on the next lines.
            let rest: String = std::iter::once(first).chain(code[index + 1..].iter().map(|(_, text)| *text)).collect();
            names.extend(expand(&rest, 2).into_iter().map(|name| (*line, name)));
        }
    }
    names
}

/// Expands `a::{b, c::d}` to `a::b`, `a::c`, with at most `depth` names each.
fn expand(path: &str, depth: usize) -> Vec<String> {
    let path = path.trim_start();
    if let Some(list) = path.strip_prefix('{') {
        return split_list(list).into_iter().flat_map(|item| expand(item, depth)).collect();
    }
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    match rest.strip_prefix("::") {
        Some(rest) if depth > 1 => expand(rest, depth - 1).into_iter().map(|tail| format!("{name}::{tail}")).collect(),
        _ => vec![name.to_owned()],
    }
}

/// Returns the items of a list up to its closing brace.
fn split_list(list: &str) -> Vec<&str> {
    let (mut items, mut start, mut open) = (Vec::new(), 0, 0);
    for (index, c) in list.char_indices() {
        match c {
            '{' => open += 1,
            '}' if open == 0 => {
                items.push(&list[start..index]);
                break;
            }
            '}' => open -= 1,
            ',' if open == 0 => {
                items.push(&list[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    items.retain(|item| !item.trim().is_empty());
    items
}

#[test]
fn lists_of_names_are_taken_apart() {
    assert_eq!(expand("{model::{A, B}, rpc::x::Y, Error};", 2), ["model::A", "model::B", "rpc::x", "Error"]);
    assert_eq!(expand("auth::Permit<X>", 2), ["auth::Permit"]);
}
