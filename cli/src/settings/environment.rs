//! Settings from environment variables, and secrets from systemd's credentials.

use std::io::ErrorKind;
use std::path::Path;

use apiary_protocol::near::nearest;
use apiary_settings::Origin;

use super::effective::Settings;
use super::table::TABLE;
use crate::exit::Fault;

/// Variable with the file's path. Not a setting, because it locates the settings.
const CONFIG: &str = "APIARY_CONFIG";
/// Prefixes of variables for the tests.
const TESTS: [&str; 2] = ["APIARY_TEST_", "APIARY_CASES"];
/// Bytes of the largest credential that is read; a secret has a few hundred.
const CREDENTIAL_BYTES_MAX: u64 = 64 * 1024;

/// Reads the environment variables. An empty variable counts as unset.
pub(super) fn read(settings: &mut Settings, variable: &dyn Fn(&str) -> Option<String>) -> Result<(), Fault> {
    for setting in TABLE.iter() {
        let mut names = setting.variables().into_iter();
        let found = names.find_map(|name| Some((variable(&name).filter(|text| !text.trim().is_empty())?, name)));
        if let Some((text, name)) = found {
            let value = setting.kind.read(&text).map_err(|problem| Fault::usage(format!("{name}: {problem}")))?;
            settings.values.put(setting, value, Origin::Environment(name));
        }
    }
    Ok(())
}

/// Reads the files of `LoadCredential=` (systemd.exec(5)): `apiary-key` for `key`, and so on for each secret.
pub(super) fn read_credentials(settings: &mut Settings, folder: &Path) -> Result<(), Fault> {
    for setting in TABLE.iter() {
        let Some(name) = setting.credential() else { continue };
        let path = folder.join(&name);
        let metadata = match path.metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => {
                let words = format!("the credentials in {} cannot be read: {error}", folder.display());
                return Err(Fault::usage(words).hint("CREDENTIALS_DIRECTORY names the folder; systemd makes it"));
            }
            Ok(metadata) => metadata,
        };
        let fault = |problem: String| Fault::usage(format!("the credential {name}: {problem}"));
        if metadata.len() > CREDENTIAL_BYTES_MAX {
            return Err(fault(format!("has {} bytes, the most is {CREDENTIAL_BYTES_MAX}", metadata.len())));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| fault(error.to_string()))?;
        let value = setting.kind.read(&text).map_err(fault)?;
        settings.values.put(setting, value, Origin::Credential(name.clone()));
    }
    Ok(())
}

/// Returns the variables with this program's prefix that set nothing, each with a proposal.
pub(crate) fn unknown_variables(names: impl Iterator<Item = String>) -> Vec<(String, Option<String>)> {
    let known: Vec<String> = TABLE.iter().flat_map(|setting| setting.variables()).collect();
    names
        .filter(|name| name.starts_with("APIARY_") && name != CONFIG && !known.contains(name))
        .filter(|name| !TESTS.iter().any(|prefix| name.starts_with(prefix)))
        .map(|name| {
            let meant = nearest(&name, known.iter().map(String::as_str)).map(str::to_owned);
            (name, meant)
        })
        .collect()
}
