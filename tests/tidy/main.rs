//! The laws of the layout, held by tests: each reads the checkout's files and names what breaks the law, and what to
//! do about it. `ARCHITECTURE.md` says why the laws are as they are.

mod cases;
mod dependencies;
mod documents;
mod files;
mod image;
mod layers;
mod pages;
mod shared;
mod statements;
mod tree;
mod verbs;
mod words;

/// Fails, unless there is no fault, with all of them and what to do.
fn hold(what_to_do: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{what_to_do}\n  {}\n", faults.join("\n  "));
}
