//! The laws of the layout as tests: each reads the checkout's files, and reports violations with the remedy.
//! `ARCHITECTURE.md` has the reasons of the laws.

mod cases;
mod dependencies;
mod documents;
mod files;
mod flakiness;
mod image;
mod layers;
mod lists;
mod pages;
mod shared;
mod spans;
mod statements;
mod tree;
mod verbs;
mod words;

/// Fails if there are faults, and prints all of them with the remedy.
fn hold(what_to_do: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{what_to_do}\n  {}\n", faults.join("\n  "));
}
