//! `apiary tls new`.

use std::path::PathBuf;

use clap::Args;
use rcgen::KeyPair;

use super::authority::{Authority, Order, Side};
use super::folder::{AUTHORITY, Folder};
use super::{FileOutput, print};
use crate::arguments::whole;
use crate::context::Context;
use crate::exit::Fault;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary tls new broker.example 10.0.0.5        # tls/ca.pem, and tls/server.pem with its key
  apiary tls new --client finance --client stripe-adapter
  apiary tls new --name spare spare.example     # another server, by the same authority

The authority is made at the first call, and used again by later ones in the same folder.";

/// Create certificates, signed by an authority of your own
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Names and IP addresses of the server
    #[arg(value_name = "NAME", value_parser = host)]
    hosts: Vec<String>,
    /// Folder for the files
    #[arg(long, value_name = "DIR", default_value = "tls")]
    out: PathBuf,
    /// Name of the server's files
    #[arg(long, default_value = "server", value_parser = file_name)]
    name: String,
    /// Create also a client certificate, in files with this name; may be repeated
    #[arg(long = "client", value_name = "NAME", value_parser = file_name)]
    clients: Vec<String>,
    /// Validity of the certificates, in days
    #[arg(long, default_value_t = 397, value_parser = whole::<i32>(1, 3650))]
    days: i32,
    /// Validity of the authority, in days, if it is created
    #[arg(long, default_value_t = 3650, value_parser = whole::<i32>(1, 36500))]
    ca_days: i32,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let (folder, now) = (Folder::at(&arguments.out), profile::clock().now());
    let server = (!arguments.hosts.is_empty()).then_some((&arguments.name, Side::Server, arguments.hosts.clone()));
    let client = |name| (name, Side::Client, vec![String::clone(name)]);
    let wanted: Vec<_> = server.into_iter().chain(arguments.clients.iter().map(client)).collect();
    if wanted.is_empty() {
        return Err(Fault::usage("no certificate is asked for")
            .hint("name the hosts of a server, such as `broker.example 10.0.0.5`, or a client with --client")
            .into());
    }
    let mut names: Vec<&str> = wanted.iter().map(|(name, ..)| name.as_str()).chain([AUTHORITY]).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Fault::usage(format!("two certificates would be named {}", twice[0])).into());
    }
    // Checked before anything is written, so that a rejected call leaves no files behind.
    wanted.iter().try_for_each(|(name, ..)| folder.is_free(name))?;
    let mut written = Vec::new();
    let authority = if folder.certificate(AUTHORITY).exists() {
        Authority::read(&folder)?
    } else {
        folder.is_free(AUTHORITY)?;
        folder.make()?;
        let (authority, until) = Authority::make(&folder, now, arguments.ca_days)?;
        let file = |file, until, setting| FileOutput { file, names: Vec::new(), until, setting };
        written.push(file(folder.certificate(AUTHORITY), Some(until), Some("broker.ca_file")));
        written.push(file(folder.key(AUTHORITY), None, None));
        authority
    };
    for (name, side, names) in wanted {
        let key = KeyPair::generate()?;
        let made = authority.certify(&key, &Order { side, names: &names, now, days: arguments.days })?;
        folder.write(name, &made.certificate, &key.serialize_pem())?;
        let (certificate, secret) = match side {
            Side::Server => ("broker.tls_certificate", "broker.tls_key"),
            Side::Client => ("broker.client_certificate", "broker.client_key"),
        };
        let until = Some(made.until);
        written.push(FileOutput { file: folder.certificate(name), names, until, setting: Some(certificate) });
        written.push(FileOutput { file: folder.key(name), names: Vec::new(), until: None, setting: Some(secret) });
    }
    print(&written, context)
}

/// Parses a host as certificates have it: a DNS name, possibly with `*` as its first label, or an IP address.
fn host(text: &str) -> Result<String, String> {
    let label = |(place, label): (usize, &str)| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (place == 0 && label == "*") || (!label.is_empty() && label.len() <= 63 && label.chars().all(fits))
    };
    // A text of digits and dots alone is an IP address, or a mistake in one.
    let is_name = text.len() <= 253 && text.split('.').enumerate().all(label) && text.contains(char::is_alphabetic);
    match text.parse::<std::net::IpAddr>() {
        Ok(ip) => Ok(ip.to_string()),
        Err(_) if is_name => Ok(text.to_ascii_lowercase()),
        Err(_) => {
            Err("expected a name such as broker.example, or an IP address: no scheme, no port, no path".to_owned())
        }
    }
}

/// Parses a name for files in the folder.
pub(super) fn file_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match !text.is_empty() && text.len() <= 64 && !text.starts_with('.') && text.chars().all(fits) {
        true => Ok(text.to_owned()),
        false => Err("expected up to 64 letters, digits, `-`, `_` and `.`: it names files of the folder".to_owned()),
    }
}
