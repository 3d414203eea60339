//! Ports that are free.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use crate::exit::Fault;
use crate::settings::{Origin, Setting, Settings};

/// How many ports after the usual one are tried.
const TRIES: u16 = 20;

/// The address to listen on: the one that somebody set, or the first free one from the usual port on. Between looking
/// and listening somebody else may take it; then listening fails, and says so.
pub(crate) fn next_free(settings: &Settings, setting: &Setting) -> Result<SocketAddr, Fault> {
    let Some(wanted) = settings.socket(setting) else {
        return Err(Fault::usage(format!("`{}` is not set", setting.key)));
    };
    let is_usual = settings.origin(setting) == Some(&Origin::Default);
    for port in (wanted.port()..=u16::MAX).take(if is_usual { usize::from(TRIES) } else { 1 }) {
        let address = SocketAddr::new(wanted.ip(), port);
        match TcpListener::bind(address) {
            Ok(_) => return Ok(address),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => return Err(Fault::usage(format!("`{}`: cannot listen on {address}: {error}", setting.key))),
        }
    }
    let words = match is_usual {
        true => format!("no port is free from {wanted} on"),
        false => format!("`{}`: {wanted} is taken by another program", setting.key),
    };
    Err(Fault::failure(words)
        .hint(format!("choose another with --set {}=127.0.0.1:PORT; port 0 takes a free one", setting.key)))
}
