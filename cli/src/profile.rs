//! Who calls which broker, as the settings say.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use apiary_executor_sdk::guard::Guard;
use apiary_executor_sdk::{Address, Client, ClientConfig, Proxy};
use apiary_identity::limits::DOCUMENT_BYTES_MAX;
use apiary_identity::{Clock, Id, KeyPair, Offer, SystemClock};
use secrecy::ExposeSecret as _;

use crate::exit::Fault;
use crate::settings::{Settings, table};
use crate::{files, keys};

/// The word for a broker that is reached without a proxy, whatever the environment says.
const NO_PROXY: &str = "none";

/// The machine's clock, handed to whatever needs the time.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// The pinned colony.
pub(crate) fn colony(settings: &Settings) -> Result<Id, Fault> {
    settings.id(&table::COLONY).ok_or_else(|| {
        let without_file = |folder: &PathBuf| settings.file().is_none() && !folder.join("apiary.toml").is_file();
        match settings.path(&table::DATA).filter(without_file) {
            None => Fault::usage("no colony is set")
                .hint("give --colony ed25519:…, set `colony` in apiary.toml, or set APIARY_COLONY"),
            Some(folder) => Fault::usage(format!("no colony is set: {} has no apiary.toml", folder.display()))
                .hint("`apiary up` makes a colony there; for another, give --colony ed25519:…"),
        }
    })
}

/// A client for the pinned colony, in the name of the key that is set.
pub(crate) fn client(settings: &Settings) -> anyhow::Result<Client> {
    client_as(settings, colony(settings)?, keys::from_settings(settings)?)
}

/// A client for any colony, in the name of any key.
pub(crate) fn client_as(settings: &Settings, colony: Id, key: KeyPair) -> anyhow::Result<Client> {
    Ok(Client::new(&broker(settings)?, colony, key, clock())?)
}

/// The broker's address.
pub(crate) fn address(settings: &Settings) -> anyhow::Result<Address> {
    Ok(settings.text(&table::BROKER_ADDRESS).unwrap_or_default().parse()?)
}

/// How to reach the broker.
pub(crate) fn broker(settings: &Settings) -> anyhow::Result<ClientConfig> {
    let mut config =
        ClientConfig::new(address(settings)?).allow_plaintext(settings.flag(&table::BROKER_ALLOW_PLAINTEXT));
    if let Some(proxy) = settings.secret(&table::BROKER_PROXY) {
        config = config.proxy(match proxy.expose_secret() {
            NO_PROXY => Proxy::Direct,
            url => Proxy::Url(url.to_owned()),
        });
    }
    if let Some(path) = settings.path(&table::BROKER_CA_FILE) {
        config = config.ca_file(path);
    }
    let certificate = settings.path(&table::BROKER_CLIENT_CERTIFICATE);
    match (certificate, settings.path(&table::BROKER_CLIENT_KEY)) {
        (Some(certificate), Some(key)) => {
            config = config.client_identity_files(certificate, key);
        }
        (None, None) => {}
        _ => {
            return Err(
                Fault::usage("`broker.client_certificate` and `broker.client_key` go together: set both").into()
            );
        }
    }
    Ok(config)
}

/// The guard of a bee: the default set unless it is turned off, and the rules of the file that is set.
pub(crate) fn guard(settings: &Settings) -> anyhow::Result<Guard> {
    let guard = if settings.flag(&table::BEE_GUARD_DEFAULTS) { Guard::default() } else { Guard::empty() };
    match settings.path(&table::BEE_GUARD_FILE) {
        Some(path) => read_guard(guard, &path).context(table::BEE_GUARD_FILE.key),
        None => Ok(guard),
    }
}

/// What the settings say that an executor has. They were checked when they were read.
pub(crate) fn offer(settings: &Settings) -> Offer {
    let memory = |setting| settings.text(setting).and_then(|text| text.parse().ok());
    Offer {
        cpu: settings.text(&table::BEE_CPU).and_then(|text| text.parse().ok()),
        memory: memory(&table::BEE_MEMORY),
        gpus: u32::try_from(settings.integer(&table::BEE_GPUS)).ok().filter(|gpus| *gpus > 0),
        gpu_memory: memory(&table::BEE_GPU_MEMORY),
        location: settings.text(&table::BEE_LOCATION).map(str::to_owned),
        tags: settings.list(&table::BEE_TAGS).iter().cloned().collect(),
    }
}

/// Adds the rules of a file to a guard.
pub(crate) fn read_guard(guard: Guard, path: &Path) -> anyhow::Result<Guard> {
    let json = files::read(path, DOCUMENT_BYTES_MAX, "rules have")?;
    guard.with_json(&json).map_err(|error| Fault::usage(format!("{}: {error}", path.display())).into())
}
