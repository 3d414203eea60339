//! Builds the client from the settings: broker, colony and key.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use apiary_daemon::Supervisor;
use apiary_executor_sdk::guard::Guard;
use apiary_executor_sdk::{Address, Client, ClientConfig, Proxy};
use apiary_identity::limits::DOCUMENT_BYTES_MAX;
use apiary_identity::{Clock, Id, KeyPair, Offer, SystemClock};
use secrecy::ExposeSecret as _;

use crate::exit::Fault;
use crate::settings::{Settings, table};
use crate::{files, keys, traces};

/// Value for a direct connection to the broker, whatever proxy the environment names.
const NO_PROXY: &str = "none";

/// Returns the machine's clock.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// Creates the supervisor of a part, whose metrics are for whom the settings say.
pub(crate) fn supervisor(settings: &Settings) -> Supervisor {
    let supervisor = Supervisor::new(clock());
    supervisor.metrics().open_to_all(settings.flag(&table::METRICS_REMOTE));
    traces::show(supervisor.metrics());
    supervisor
}

/// Returns the pinned colony.
pub(crate) fn colony(settings: &Settings) -> Result<Id, Fault> {
    settings.id(&table::COLONY).ok_or_else(|| {
        let without_file = |folder: &PathBuf| settings.file().is_none() && !folder.join("apiary.toml").is_file();
        match settings.path(&table::DATA).filter(without_file) {
            None => Fault::usage("no colony is set")
                .hint("give --colony ed25519:…, set `colony` in apiary.toml, or set APIARY_COLONY"),
            Some(folder) => Fault::usage(format!("no colony is set: {} has no apiary.toml", folder.display()))
                .hint("`apiary up` creates a colony there; for another, give --colony ed25519:…"),
        }
    })
}

/// Creates a client for the pinned colony, with the key of the settings.
pub(crate) fn client(settings: &Settings) -> anyhow::Result<Client> {
    client_as(settings, colony(settings)?, keys::from_settings(settings)?)
}

/// Creates a client for any colony, with any key.
pub(crate) fn client_as(settings: &Settings, colony: Id, key: KeyPair) -> anyhow::Result<Client> {
    Ok(Client::new(&broker(settings)?, colony, key, clock())?)
}

/// Returns the broker's address.
pub(crate) fn address(settings: &Settings) -> anyhow::Result<Address> {
    Ok(settings.text(&table::BROKER_ADDRESS).unwrap_or_default().parse()?)
}

/// Returns the settings of the connection to the broker.
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

/// Returns the guard of a bee: the default set unless it is disabled, and the rules of the configured file.
pub(crate) fn guard(settings: &Settings) -> anyhow::Result<Guard> {
    let guard = if settings.flag(&table::BEE_GUARD_DEFAULTS) { Guard::default() } else { Guard::empty() };
    match settings.path(&table::BEE_GUARD_FILE) {
        Some(path) => read_guard(guard, &path).context(table::BEE_GUARD_FILE.key),
        None => Ok(guard),
    }
}

/// Returns the executor's equipment from the settings, which were validated when they were read.
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
