//! Stripe's keys: which ones can read, and of which mode they are.

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

use super::error::StripeError;

/// A secret or restricted key. `Debug` does not show it.
#[derive(Clone, Debug)]
pub struct StripeKey {
    text: SecretString,
    is_live: bool,
    is_restricted: bool,
}

impl StripeKey {
    /// Reads a key: `rk_live_…`, `rk_test_…`, `sk_live_…` or `sk_test_…`.
    ///
    /// # Errors
    ///
    /// [`StripeError::Setting`] for anything else, with what it is, as far as that can be told, and never with its text.
    pub fn read(text: &SecretString) -> Result<Self, StripeError> {
        let key = text.expose_secret().trim();
        let is_live = match key.split('_').collect::<Vec<_>>()[..] {
            ["sk" | "rk", "live", ..] => true,
            ["sk" | "rk", "test", ..] => false,
            _ => return Err(refused(problem(key))),
        };
        let is_plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_plain || key.len() <= "sk_live_".len() {
            return Err(refused("is damaged: it has other characters than letters, digits and `_`, or is cut off"));
        }
        Ok(Self { text: SecretString::from(key), is_live, is_restricted: key.starts_with("rk_") })
    }

    /// Returns true for a key of live mode, false for one of test mode or of a sandbox.
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    /// Returns true for a restricted key.
    pub fn is_restricted(&self) -> bool {
        self.is_restricted
    }

    /// Returns the words that describe it, without its text.
    pub fn describe(&self) -> String {
        let kind = if self.is_restricted { "restricted" } else { "secret" };
        format!("{kind} key of {} mode", mode(self.is_live))
    }

    /// Returns the header that authenticates, marked so that no log prints it.
    pub(super) fn header(&self) -> Result<HeaderValue, StripeError> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.text.expose_secret()))
            .map_err(|_| refused("has characters that no header can carry"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Replaces the key in a text of outside, should it be quoted there.
    pub(super) fn hide(&self, text: &str) -> String {
        text.replace(self.text.expose_secret(), "(the key)")
    }
}

/// Returns the word for a mode.
pub(super) fn mode(is_live: bool) -> &'static str {
    if is_live { "live" } else { "test" }
}

fn problem(key: &str) -> &'static str {
    match key {
        "" => "is empty",
        key if key.starts_with("pk_") => "is a publishable key, which cannot read",
        key if key.starts_with("whsec_") => {
            "is the signing secret of a webhook endpoint, which belongs in `webhook.stripe_secrets`"
        }
        key if key.starts_with("sk_org_") => "is a key of an organization; a key of the one account is needed",
        key if key.starts_with("acct_") || key.starts_with("ca_") => "is the id of an account, not a key",
        key if key.starts_with("ek_") => "is an ephemeral key, which is for one customer only",
        _ => "is no key of Stripe's",
    }
}

fn refused(what: &str) -> StripeError {
    StripeError::Setting(format!(
        "`finance.stripe_secret_key` {what}: set a restricted key, rk_live_… or rk_test_…, with the rights that \
         docs/stripe.md lists"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<StripeKey, StripeError> {
        StripeKey::read(&SecretString::from(text))
    }

    #[test]
    fn keys_that_can_read_are_told_apart() {
        for (prefix, is_live, is_restricted) in
            [("sk_live_", true, false), ("sk_test_", false, false), ("rk_live_", true, true), ("rk_test_", false, true)]
        {
            let key = read(&format!(" {prefix}51Abc ")).unwrap();
            assert_eq!((key.is_live(), key.is_restricted()), (is_live, is_restricted), "{prefix}");
            assert!(!format!("{key:?} {}", key.describe()).contains("51Abc"));
            assert_eq!(key.hide(&format!("no: {prefix}51Abc.")), "no: (the key).");
        }
    }

    #[test]
    fn other_secrets_are_refused_in_words_that_do_not_show_them() {
        for (text, words) in [
            ("", "is empty"),
            ("pk_live_hunter2", "publishable"),
            ("whsec_hunter2", "webhook.stripe_secrets"),
            ("sk_org_live_hunter2", "organization"),
            ("hunter2", "no key of Stripe's"),
            ("acct_hunter2", "id of an account"),
            ("sk_live_", "cut off"),
            ("sk_live_hunter2\n2", "damaged"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("finance.stripe_secret_key"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
