//! Dependencies: crates depend downwards only, only on crates they use, and on a single public registry.

use std::collections::BTreeSet;

use crate::hold;
use crate::tree::{TextFile, file, files, under, words};

/// The crates of the program.
const PARTS: &[&str] = &[
    "apiary-adapters",
    "apiary-bees",
    "apiary-broker",
    "apiary-daemon",
    "apiary-database",
    "apiary-executor-sdk",
    "apiary-identity",
    "apiary-notify",
    "apiary-proto",
    "apiary-protocol",
    "apiary-settings",
    "apiary-store",
    "apiary-store-postgres",
    "apiary-store-sqlite",
];

/// Dependencies of the program and of the harness of its tests.
const CLI: &[&str] = &[
    "apiary-adapters",
    "apiary-bees",
    "apiary-broker",
    "apiary-daemon",
    "apiary-database",
    "apiary-executor-sdk",
    "apiary-identity",
    "apiary-notify",
    "apiary-proto",
    "apiary-protocol",
    "apiary-settings",
    "apiary-store",
    "apiary-tests",
];

/// The parts that a database's store is made of.
const STORE: &[&str] = &["apiary-store", "apiary-database", "apiary-identity", "apiary-protocol"];

/// The crates on which each crate may depend.
const CRATES: [(&str, &[&str]); 17] = [
    ("proto", &[]),
    ("identity", &[]),
    ("protocol", &["apiary-proto", "apiary-identity"]),
    ("daemon", &["apiary-identity"]),
    ("database", &["apiary-protocol", "apiary-identity"]),
    ("broker/store", &["apiary-identity", "apiary-protocol"]),
    ("broker/store-postgres", STORE),
    ("broker/store-sqlite", STORE),
    (
        "broker",
        &[
            "apiary-proto",
            "apiary-identity",
            "apiary-protocol",
            "apiary-daemon",
            "apiary-database",
            "apiary-store",
            // Its wiring only, and its tests.
            "apiary-store-postgres",
            "apiary-store-sqlite",
        ],
    ),
    ("executor-sdk", &["apiary-proto", "apiary-identity", "apiary-protocol", "apiary-daemon"]),
    ("settings", &["apiary-identity", "apiary-daemon", "apiary-executor-sdk"]),
    ("notify", &["apiary-identity", "apiary-daemon", "apiary-settings"]),
    (
        "bees",
        &[
            "apiary-executor-sdk",
            "apiary-identity",
            "apiary-protocol",
            "apiary-daemon",
            "apiary-database",
            "apiary-settings",
            // For its tests only.
            "apiary-tests",
        ],
    ),
    (
        "adapters",
        &[
            "apiary-executor-sdk",
            "apiary-identity",
            "apiary-protocol",
            "apiary-daemon",
            "apiary-database",
            "apiary-settings",
        ],
    ),
    ("cli", CLI),
    ("tests", PARTS),
    ("xtask", &[]),
];

/// Dependencies that no line of code names, and their reasons.
const USED_WITHOUT_A_NAME: [(&str, &str); 0] = [];

#[test]
fn crates_depend_downwards() {
    let mut faults = Vec::new();
    for (name, allowed) in CRATES {
        let manifest = format!("{name}/Cargo.toml");
        for dependency in dependencies(&manifest).iter().filter(|dependency| dependency.starts_with("apiary-")) {
            if !allowed.contains(&dependency.as_str()) {
                faults.push(format!("{manifest} depends on {dependency}"));
            }
        }
    }
    hold("crates point down only, and the broker never depends on the SDK", &faults);
}

#[test]
fn every_crate_stands_in_the_table() {
    let manifests = files().iter().filter_map(|file| file.path.strip_suffix("/Cargo.toml"));
    let unknown = manifests.filter(|name| !CRATES.iter().any(|(known, _)| known == name));
    let faults: Vec<String> = unknown.map(|name| format!("{name}/Cargo.toml is not in the table")).collect();
    hold("add the crate to the table in tests/tidy/dependencies.rs, with what it may depend on", &faults);
}

#[test]
fn every_crate_takes_the_shared_lints() {
    let manifests = under("", "/Cargo.toml").filter(|file| !file.text.contains("[lints]\nworkspace = true"));
    let faults: Vec<String> = manifests.map(|file| file.path.clone()).collect();
    hold("add `[lints]` with `workspace = true`", &faults);
}

#[test]
fn every_crate_has_the_licence_of_the_project() {
    let text = file("LICENSE").map_or("", |file| &file.text);
    let shared = file("Cargo.toml").is_some_and(|file| file.text.contains("\nlicense = \"Apache-2.0\"\n"));
    let mut faults = Vec::new();
    if !text.contains("Apache License") || !text.contains("END OF TERMS AND CONDITIONS") || !shared {
        faults.push("LICENSE is the text of Apache-2.0, and Cargo.toml names it".to_owned());
    }
    let manifests = under("", "/Cargo.toml").filter(|file| !file.text.contains("\nlicense.workspace = true\n"));
    faults.extend(manifests.map(|file| file.path.clone()));
    hold("add `license.workspace = true`", &faults);
}

#[test]
fn every_dependency_is_used() {
    let mut faults = Vec::new();
    for (name, _) in CRATES {
        let manifest = format!("{name}/Cargo.toml");
        for dependency in dependencies(&manifest) {
            let ident = dependency.replace('-', "_");
            let used = own_files(name).any(|file| words(&file.text, &ident).next().is_some());
            if !used && !USED_WITHOUT_A_NAME.contains(&(name, dependency.as_str())) {
                faults.push(format!("{manifest} names {dependency}, and no code does"));
            }
        }
    }
    hold("remove the dependency, which costs build time and trust", &faults);
}

/// The Rust files of a crate, without those of a crate in a folder of it.
fn own_files(name: &'static str) -> impl Iterator<Item = &'static TextFile> {
    let inner = |path: &str| {
        let longer = |other: &str| other.len() > name.len() && path.starts_with(&format!("{other}/"));
        CRATES.iter().any(|(other, _)| longer(other))
    };
    let own = move |path: &str| path.starts_with(&format!("{name}/")) && path.ends_with(".rs") && !inner(path);
    files().iter().filter(move |file| own(&file.path))
}

#[test]
fn every_shared_dependency_is_some_crates() {
    let shared = section_names("Cargo.toml", &["[workspace.dependencies]"]);
    let used: BTreeSet<String> =
        CRATES.iter().flat_map(|(name, _)| dependencies(&format!("{name}/Cargo.toml"))).collect();
    // A crate of this workspace may have no user yet: several begin to use it at the same time.
    let unused = shared.difference(&used).filter(|name| !PARTS.contains(&name.as_str()));
    let faults: Vec<String> = unused.map(|name| format!("Cargo.toml shares {name}")).collect();
    hold("no crate uses it: remove it from the workspace's dependencies", &faults);
}

#[test]
fn no_banned_crate_is_in_the_build() {
    let deny = file("deny.toml").map_or("", |file| &file.text);
    let banned: Vec<&str> = deny
        .split("{ crate = \"")
        .skip(1)
        .filter(|rest| rest.contains("reason"))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let lock = file("Cargo.lock").map_or("", |file| &file.text);
    let in_lock = banned.iter().filter(|name| lock.contains(&format!("\nname = \"{name}\"\n")));
    let faults: Vec<String> = in_lock.map(|name| format!("Cargo.lock holds {name}")).collect();
    assert!(banned.contains(&"aws-lc-rs"), "deny.toml bans a second TLS provider");
    hold("deny.toml says why it is banned; `cargo tree --invert <crate>` says who brings it", &faults);
}

#[test]
fn dependencies_come_from_the_public_registry() {
    let lock = file("Cargo.lock").map_or("", |file| &file.text);
    let sources: BTreeSet<&str> = lock.lines().filter(|line| line.starts_with("source = ")).collect();
    let foreign = sources.iter().filter(|line| !line.starts_with("source = \"registry+"));
    let mut faults: Vec<String> = foreign.map(|line| format!("Cargo.lock: {line}")).collect();
    if sources.len() > 1 {
        faults.push(format!("Cargo.lock has {} sources", sources.len()));
    }
    let settings = file(".cargo/config.toml").map_or("", |file| &file.text);
    if settings.contains("[source") || settings.contains("[registr") {
        faults.push(".cargo/config.toml names a registry".to_owned());
    }
    let private = files().iter().filter(|file| file.path.ends_with(".npmrc") || file.path.ends_with("pip.conf"));
    faults.extend(private.map(|file| format!("{} is a machine's own setting", file.path)));
    hold("take dependencies from cargo's own registry, by the name that everybody knows", &faults);
}

fn dependencies(manifest: &str) -> BTreeSet<String> {
    section_names(manifest, &["[dependencies]", "[dev-dependencies]", "[build-dependencies]"])
}

/// Returns the names in these sections of a manifest.
fn section_names(manifest: &str, sections: &[&str]) -> BTreeSet<String> {
    let mut inside = false;
    let mut names = BTreeSet::new();
    for line in file(manifest).map_or("", |file| &file.text).lines() {
        if line.starts_with('[') {
            inside = sections.contains(&line.trim());
        } else if inside && line.starts_with(|c: char| c.is_ascii_alphabetic()) {
            names.extend(line.split([' ', '.', '=']).next().map(str::to_owned));
        }
    }
    names
}
