//! Finds free ports.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use crate::exit::Fault;
use crate::settings::{Origin, Setting, Settings, table};

/// Number of ports to try, from the default one on.
const TRIES: u16 = 20;

/// Addresses of a local colony.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    /// Address of the broker.
    pub(crate) broker: SocketAddr,
    /// Address of the webhook adapter.
    pub(crate) webhook: SocketAddr,
}

impl Ports {
    /// Returns the configured addresses, or the first free ones from the default ports on. Another program may take a
    /// port between this call and the start; then the start fails with [`Ports::was_taken`], and can be repeated.
    pub(crate) fn free(settings: &Settings) -> Result<Self, Fault> {
        let (broker, webhook) = (&table::BROKER_LISTEN, &table::WEBHOOK_LISTEN);
        // The first address stays bound while the other is searched, so that they differ. A configured address comes
        // first, because a default one can give way.
        let (broker, webhook) = if is_usual(settings, broker) {
            let webhook = BoundAddress::take(settings, webhook)?;
            (BoundAddress::take(settings, broker)?, webhook)
        } else {
            (BoundAddress::take(settings, broker)?, BoundAddress::take(settings, webhook)?)
        };
        Ok(Self { broker: broker.address, webhook: webhook.address })
    }

    /// Returns true if a start failed because another program had taken a port.
    pub(crate) fn was_taken(error: &anyhow::Error) -> bool {
        let source = error.chain().find_map(|cause| {
            match (
                cause.downcast_ref::<apiary_broker::StartError>(),
                cause.downcast_ref::<apiary_adapters::StartError>(),
            ) {
                (Some(apiary_broker::StartError::Listen { source, .. }), _)
                | (_, Some(apiary_adapters::StartError::Listen { source, .. })) => Some(source),
                _ => None,
            }
        });
        source.is_some_and(|source| source.kind() == ErrorKind::AddrInUse)
    }
}

/// An address that is bound while this value exists.
struct BoundAddress {
    address: SocketAddr,
    _listener: TcpListener,
}

impl BoundAddress {
    fn take(settings: &Settings, setting: &Setting) -> Result<Self, Fault> {
        let Some(wanted) = settings.socket(setting) else {
            return Err(Fault::usage(format!("`{}` is not set", setting.key)));
        };
        let is_usual = is_usual(settings, setting);
        for port in (wanted.port()..=u16::MAX).take(if is_usual { usize::from(TRIES) } else { 1 }) {
            let address = SocketAddr::new(wanted.ip(), port);
            match TcpListener::bind(address) {
                Ok(listener) => return Ok(Self { address, _listener: listener }),
                Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                Err(error) => {
                    return Err(Fault::usage(format!("`{}`: cannot listen on {address}: {error}", setting.key)));
                }
            }
        }
        let words = match is_usual {
            true => format!("no port is free from {wanted} on"),
            false => format!("`{}`: {wanted} is in use, by another program or another setting", setting.key),
        };
        Err(Fault::failure(words)
            .hint(format!("choose another with --set {}=127.0.0.1:PORT; port 0 takes a free one", setting.key)))
    }
}

fn is_usual(settings: &Settings, setting: &Setting) -> bool {
    settings.origin(setting) == Some(&Origin::Default)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Flags, SearchPath};

    fn free(set: &[&str]) -> Result<Ports, Fault> {
        let mut flags = Flags::default();
        for text in set {
            flags.add_set(text)?;
        }
        // A folder without a file, so that the caller's settings do not count.
        let place = SearchPath { data: Some("/nonexistent".into()), ..SearchPath::default() };
        Ports::free(&Settings::load(&place, &flags, &|_| None)?)
    }

    #[test]
    fn broker_and_adapter_get_different_ports_where_the_usual_ones_are_taken() {
        // The ports may be in use already, which is as good.
        let _taken = [7420, 7421].map(|port| TcpListener::bind(("127.0.0.1", port)));
        let ports = free(&[]).unwrap();
        assert!(ports.broker.port() > 7421 && ports.webhook.port() > 7421, "{ports:?}");
        assert_ne!(ports.broker, ports.webhook);
        // A default address gives way to a configured one.
        let chosen = ports.broker;
        let ports = free(&[&format!("webhook.listen={chosen}")]).unwrap();
        assert_eq!(ports.webhook, chosen);
        assert_ne!(ports.broker, chosen);
    }

    #[test]
    fn the_same_port_chosen_twice_is_refused_and_port_0_is_not() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let words = free(&[&format!("broker.listen={port}"), &format!("webhook.listen={port}")]).unwrap_err();
        assert!(words.to_string().contains("`webhook.listen`") && words.to_string().contains("is in use"), "{words}");
        assert!(free(&["broker.listen=127.0.0.1:0", "webhook.listen=127.0.0.1:0"]).is_ok());
    }
}
