//! The sources of webhooks: a folder for each, in one list, [`ALL`].

pub mod stripe;

use crate::Source;

/// Every source, in display order.
pub static ALL: &[&dyn Source] = &[&stripe::Stripe];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

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
            let secrets = source.secrets();
            assert!(secrets.secret && source.settings().iter().any(|own| own.key == secrets.key), "{}", secrets.key);
        }
    }
}
