//! `apiary tls renew`.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Args;
use rcgen::KeyPair;

use super::authority::{Authority, Order, Side, contents};
use super::folder::{AUTHORITY, FILE_BYTES_MAX, Folder};
use super::new::file_name;
use super::{FileOutput, print};
use crate::arguments::whole;
use crate::context::Context;
use crate::exit::Fault;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary tls renew                 # tls/server.pem, for the same names
  apiary tls renew finance --days 90

A running broker takes the new certificate up within seconds, or at once on SIGHUP.";

/// Renew a certificate: the same names and key, a later end
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name of the certificate's files
    #[arg(default_value = "server", value_parser = file_name)]
    name: String,
    /// Folder of the files
    #[arg(long, value_name = "DIR", default_value = "tls")]
    out: PathBuf,
    /// Validity of the certificate from now, in days
    #[arg(long, default_value_t = 397, value_parser = whole::<i32>(1, 3650))]
    days: i32,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let (folder, name) = (Folder::at(&arguments.out), arguments.name.as_str());
    if name == AUTHORITY {
        return Err(Fault::usage("an authority is not renewed: everybody who trusts it would need the new one")
            .hint("make a new authority in another folder with `apiary tls new --out DIR`")
            .into());
    }
    let authority = Authority::read(&folder)?;
    let (path, key_path) = (folder.certificate(name), folder.key(name));
    let (side, names) = contents(&folder.read(&path)?).with_context(|| path.display().to_string())?;
    // The key stays, so that certificate and key match at every moment.
    let key = apiary_identity::read_secret_file(&key_path, FILE_BYTES_MAX)?;
    let key =
        KeyPair::from_pem(&key).map_err(|error| anyhow!("{} holds no secret key: {error}", key_path.display()))?;
    let order = Order { side, names: &names, now: profile::clock().now(), days: arguments.days };
    let made = authority.certify(&key, &order)?;
    folder.replace_certificate(name, &made.certificate)?;
    let setting = match side {
        Side::Server => "broker.tls_certificate",
        Side::Client => "broker.client_certificate",
    };
    print(&[FileOutput { file: path, names, until: Some(made.until), setting: Some(setting) }], context)
}
