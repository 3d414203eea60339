//! Settings of a webhook adapter.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use apiary_daemon::door::TrustedProxies;

use crate::{OutboxConfig, Receiver, StartError, WebhookLimits};

/// Settings of a webhook adapter, checked as a whole before a port is opened.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// Address to listen on, in plain HTTP/1.1: a proxy or tunnel in front speaks TLS with the senders.
    pub listen: SocketAddr,
    /// Accepts plain HTTP from other machines. Everybody on the network between the proxy and this machine can read
    /// events then.
    pub allow_plaintext: bool,
    /// Sources that are accepted, each under its own path, with the routes of its events. At least one, unless there is an
    /// outbox.
    pub receivers: Vec<Receiver>,
    /// The outbox to read, if there is one.
    pub outbox: Option<OutboxConfig>,
    /// The spool's own folder, on a local disk that survives a restart; created if missing (mode 0700). Only one
    /// adapter may use it, for one colony.
    pub spool_path: PathBuf,
    /// The bounds.
    pub limits: WebhookLimits,
    /// Proxies whose word about the client's address is trusted.
    pub trusted_proxies: TrustedProxies,
}

impl WebhookConfig {
    /// Returns the defaults for all other settings.
    pub fn new(listen: SocketAddr, receivers: Vec<Receiver>, spool_path: PathBuf) -> Self {
        Self {
            listen,
            allow_plaintext: false,
            receivers,
            outbox: None,
            spool_path,
            limits: WebhookLimits::default(),
            trusted_proxies: TrustedProxies::default(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), StartError> {
        if !self.listen.ip().is_loopback() && !self.allow_plaintext {
            return Err(StartError::setting(
                "listen",
                format!(
                    "{} would take plain HTTP from other machines: listen on 127.0.0.1 behind a proxy that speaks TLS, \
                     or set `allow_plaintext` if the network between is yours",
                    self.listen
                ),
            ));
        }
        self.limits.check()?;
        self.outbox.as_ref().map_or(Ok(()), OutboxConfig::check)?;
        if self.receivers.is_empty() && self.outbox.is_none() {
            return Err(StartError::setting("receivers", "is empty: set the signing secret of a source"));
        }
        let mut names = BTreeSet::new();
        for Receiver { endpoint, .. } in &self.receivers {
            if !names.insert(endpoint.name()) {
                let twice = format!("has {} twice: one endpoint takes several secrets", endpoint.name());
                return Err(StartError::setting("receivers", twice));
            }
            endpoint.check()?;
        }
        Ok(())
    }
}
