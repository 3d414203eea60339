//! The executors that ship with Apiary: a folder each, behind one trait, [`Bee`], in one list, [`ALL`].
//!
//! - [`finance`] keeps the state of record of Stripe's customers and subscriptions.
//! - [`security`] looks for attacks and neglect in a colony's events, and responds when it is told to.
//! - [`archive`] moves finished processes to a storage elsewhere, and back.
//! - [`echo`] gives back what it gets: for trying out a colony, and for measuring one.
//!
//! A bee talks to the outside through [`outbound`]: bounded retries behind a [`breaker`].

pub mod archive;
mod bee;
pub mod breaker;
pub mod echo;
pub mod finance;
pub mod outbound;
pub mod security;

pub use bee::{Bee, BeeError, Build, Check, Finding, Function, Local, Verdict};

/// Every bee, in display order.
pub static ALL: &[&dyn Bee] = &[&finance::Finance, &security::Security, &archive::ArchiveBee, &echo::Echo];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_plain_and_distinct() {
        let mut names = BTreeSet::new();
        for bee in ALL {
            let name = bee.name();
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            assert!(name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(plain), "{name}");
            assert!(names.insert(name), "{name} twice");
            assert!(!bee.functions().is_empty(), "{name} does nothing");
            assert!(!bee.about().is_empty() && !bee.about().ends_with('.'), "{name}: {}", bee.about());
        }
    }

    #[test]
    fn a_bees_settings_are_named_after_it() {
        for bee in ALL {
            let prefix = format!("{}.", bee.name());
            let foreign = bee.settings().iter().find(|setting| !setting.key.starts_with(&prefix));
            assert!(foreign.is_none(), "{prefix} {foreign:?}");
            for (setting, _) in bee.local("folder".as_ref()).set {
                assert!(bee.settings().iter().any(|own| own.key == setting.key), "{}", setting.key);
            }
        }
    }

    #[test]
    fn schemas_of_arguments_are_json() {
        for function in ALL.iter().flat_map(|bee| bee.functions()) {
            let is_json = serde_json::from_str::<serde_json::Value>(function.args_schema).is_ok();
            assert!(function.args_schema.is_empty() || is_json, "{}", function.name);
        }
    }
}
