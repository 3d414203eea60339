//! Checks of the secrets in the settings.

use secrecy::{ExposeSecret as _, SecretString};

use crate::StartError;

/// Most secrets of a sender: one, or two while it is rolled, for each of a few endpoints that share an adapter.
const SECRETS_MAX: usize = 8;
const SECRET_CHARS_MAX: usize = 256;
/// Fewest bytes of a secret whose sender says nothing of its length: a shorter one can be guessed from one signed request.
pub(crate) const SECRET_BYTES_MIN: usize = 16;

/// Checks the number, the characters and the form of secrets. `wanted` says where they come from, `form` what they look
/// like. The error never shows one.
pub(crate) fn check_secrets(
    setting: &'static str,
    secrets: &[SecretString],
    wanted: &str,
    form: &str,
    is_sound: impl Fn(&str) -> bool,
) -> Result<(), StartError> {
    if !(1..=SECRETS_MAX).contains(&secrets.len()) {
        return Err(StartError::setting(setting, format!("has 1 to {SECRETS_MAX} {wanted}")));
    }
    let is_sound = |secret: &SecretString| {
        let text = secret.expose_secret();
        text.len() <= SECRET_CHARS_MAX && text.chars().all(|c| c.is_ascii_graphic() || c == ' ') && is_sound(text)
    };
    match secrets.iter().position(|secret| !is_sound(secret)) {
        None => Ok(()),
        Some(index) => Err(StartError::setting(setting, format!("has an invalid entry {}: {form}", index + 1))),
    }
}
