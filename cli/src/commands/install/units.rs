//! systemd units of the parts, from the templates in `deploy/systemd`.

use std::path::{Path, PathBuf};

use apiary_bees::ALL;

use crate::exit::Fault;
use crate::settings::table::TABLE;

const BROKER: &str = include_str!("../../../../deploy/systemd/apiary-broker.service");
const WEBHOOK: &str = include_str!("../../../../deploy/systemd/apiary-webhook.service");
const BEE: &str = include_str!("../../../../deploy/systemd/apiary-bee@.service");
/// The slice of all parts.
pub(super) const SLICE: &str = include_str!("../../../../deploy/systemd/apiary.slice");
/// The name of the slice's file.
pub(super) const SLICE_FILE: &str = "apiary.slice";
/// The program's path in the templates.
const PROGRAM: &str = "/usr/local/bin/apiary";
/// The folder of settings and secrets in the templates.
const ETC: &str = "/etc/apiary";

const BROKER_SETTINGS: &str = "\
# Settings of the broker (docs/configuration.md). Secrets are files in the folder `credentials` beside this file.
[broker]
listen = \"127.0.0.1:7420\"
# server_owner = \"ed25519:…\"     # `apiary key id server-owner.pem`
";
const CLIENT_SETTINGS: &str = "\
# Settings of this part (docs/configuration.md). Secrets are files in the folder `credentials` beside this file.
# colony = \"ed25519:…\"            # `apiary key id colony.pem`

[broker]
address = \"http://127.0.0.1:7420\"
";

/// A part of the installation that runs as a service.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Broker,
    Webhook,
    /// A bee of this name.
    Bee(&'static str),
}

impl Part {
    /// Returns every part, with what help says of it.
    pub(super) fn all() -> Vec<(Self, &'static str)> {
        let bees = ALL.iter().map(|bee| (Self::Bee(bee.name()), bee.about()));
        [(Self::Broker, "the broker"), (Self::Webhook, "the webhook adapter")].into_iter().chain(bees).collect()
    }

    /// Returns its name on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Webhook => "webhook",
            Self::Bee(name) => name,
        }
    }

    /// Returns the name of its unit, as `systemctl` has it.
    pub(super) fn unit(self) -> String {
        match self {
            Self::Broker | Self::Webhook => format!("apiary-{}", self.name()),
            Self::Bee(name) => format!("apiary-bee@{name}"),
        }
    }

    /// Returns the name of the file with its unit: all bees share one.
    pub(super) fn unit_file(self) -> &'static str {
        match self {
            Self::Broker => "apiary-broker.service",
            Self::Webhook => "apiary-webhook.service",
            Self::Bee(_) => "apiary-bee@.service",
        }
    }

    /// Returns the folder of its settings and secrets.
    pub(super) fn folder(self, etc: &Path) -> PathBuf {
        match self {
            Self::Broker | Self::Webhook => etc.join(self.name()),
            Self::Bee(name) => etc.join(format!("bee-{name}")),
        }
    }

    /// Returns the credential without which its unit does not start.
    pub(super) fn credential(self) -> &'static str {
        match self {
            Self::Broker => "apiary-broker-database-url",
            Self::Webhook | Self::Bee(_) => "apiary-key",
        }
    }

    /// Returns its unit, for this program and this folder of settings.
    pub(super) fn text(self, program: &str, etc: &str) -> String {
        let template = match self {
            Self::Broker => BROKER,
            Self::Webhook => WEBHOOK,
            Self::Bee(_) => BEE,
        };
        template.replace(PROGRAM, program).replace(ETC, etc)
    }

    /// Returns the settings to begin with.
    pub(super) fn settings(self) -> &'static str {
        match self {
            Self::Broker => BROKER_SETTINGS,
            Self::Webhook | Self::Bee(_) => CLIENT_SETTINGS,
        }
    }

    /// Returns the drop-in that hands these credentials to the part, besides the one of its unit.
    pub(super) fn drop_in(self, names: &[String], folder: &str) -> String {
        let lines = names.iter().map(|name| format!("LoadCredential={name}:{folder}/{name}\n"));
        format!("# By `apiary install systemd`, for the files in {folder}.\n[Service]\n{}", lines.collect::<String>())
    }
}

/// Checks that a file's name is that of a credential which a setting reads.
pub(super) fn check_credential(name: &str, folder: &Path) -> Result<(), Fault> {
    let known: Vec<String> = TABLE.iter().filter_map(|setting| setting.credential()).collect();
    if known.iter().any(|credential| credential == name) {
        return Ok(());
    }
    let words = format!("no setting reads the credential `{name}` in {}", folder.display());
    Err(Fault::usage(words).hint(format!("name the file as one of: {}", known.join(", "))))
}

/// Checks that a path can stand in a unit as it is: there, `%` begins a specifier, and a space ends the path.
pub(super) fn in_unit(path: &Path) -> Result<&str, Fault> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
    match path.to_str() {
        Some(text) if path.is_absolute() && text.chars().all(fits) => Ok(text),
        _ => Err(Fault::usage(format!("{} cannot stand in a unit", path.display()))
            .hint("name an absolute path of letters, digits, `/`, `.`, `_`, `-`, `+` and `@`")),
    }
}
