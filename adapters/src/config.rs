//! What a webhook adapter is told.

use std::net::SocketAddr;
use std::path::PathBuf;

use apiary_daemon::door::TrustedProxies;

use crate::{StartError, StripeConfig, WebhookLimits};

/// What a webhook adapter is told. Checked as a whole before a port opens.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// Where to listen, in plain HTTP/1.1: senders speak TLS with a proxy or tunnel in front.
    pub listen: SocketAddr,
    /// Lets plain HTTP come from other machines, so that everybody between the proxy and here can read events.
    pub allow_plaintext: bool,
    /// Stripe's side.
    pub stripe: StripeConfig,
    /// The spool's own folder, on a disk of this machine that survives a restart; made if it is missing (mode 0700).
    /// Only one adapter can use it, for one colony.
    pub spool_path: PathBuf,
    /// The bounds.
    pub limits: WebhookLimits,
    /// The proxies that are believed when they say whom they speak for.
    pub trusted_proxies: TrustedProxies,
}

impl WebhookConfig {
    /// Every option at its default.
    pub fn new(listen: SocketAddr, stripe: StripeConfig, spool_path: PathBuf) -> Self {
        Self {
            listen,
            allow_plaintext: false,
            stripe,
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
        self.stripe.check()
    }
}
