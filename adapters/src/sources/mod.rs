//! The sources of webhooks: a folder for each, in one list, [`ALL`].

pub mod eventlog;
pub mod github;
pub mod hmac;
pub mod standard;
pub mod stripe;

use crate::Source;

/// Every source, in display order.
pub static ALL: &[&dyn Source] =
    &[&stripe::Stripe, &github::GitHub, &standard::Standard, &hmac::Hmac, &eventlog::EventLog];

/// Returns the source of this name, or the one of several senders for the name of a sender.
pub(crate) fn of(name: &str) -> Option<&'static dyn Source> {
    let named = ALL.iter().find(|source| source.name() == name);
    named.or_else(|| ALL.iter().find(|source| source.has_names())).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::RouteTable;

    #[test]
    fn names_are_plain_and_distinct() {
        let mut names = BTreeSet::new();
        for source in ALL {
            let name = source.name();
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            assert!(name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(plain), "{name}");
            assert!(names.insert(name), "{name} twice");
            assert!(!source.about().is_empty() && !source.about().ends_with('.'), "{name}: {}", source.about());
        }
    }

    #[test]
    fn a_sources_settings_are_named_after_it_and_its_secrets_are_secret() {
        for source in ALL {
            let prefix = format!("webhook.{}_", source.name());
            let foreign = source.settings().iter().find(|setting| !setting.key.starts_with(&prefix));
            assert!(foreign.is_none(), "{prefix} {foreign:?}");
            let has = |key: &str| source.settings().iter().any(|own| own.key == key);
            let (secrets, routes) = (source.secrets(), source.routes());
            assert!(secrets.secret && has(secrets.key), "{}", secrets.key);
            assert!(!routes.secret && has(routes.key) && routes.key == format!("{prefix}routes"), "{}", routes.key);
        }
    }

    #[test]
    fn the_own_routes_of_every_source_are_valid() {
        for source in ALL {
            let own = source.own_routes();
            let table = RouteTable::read(source.name(), source.routes().key, std::iter::empty(), &own).unwrap();
            assert_eq!(table.lines().count(), own.len(), "{}", source.name());
        }
    }
}
