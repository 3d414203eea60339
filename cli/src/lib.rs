//! `apiary`: the broker, the webhook adapter, the bees, and the tools to operate them.

mod app;
mod arguments;
mod commands;
mod context;
mod daemon;
mod demo;
#[cfg(test)]
mod documents;
mod exit;
mod files;
mod journal;
mod keys;
mod logging;
mod mistakes;
mod notify;
mod output;
mod passphrase;
mod profile;
mod reload;
mod room;
mod settings;
mod snapshot;
mod traces;
mod up;

use std::process::ExitCode;

/// Runs the command line of this process, and returns its exit code.
///
/// A library, so that it is compiled beside the broker and not after it.
pub fn main() -> ExitCode {
    // TLS needs a provider at its first use; installing one here prevents a later failure. An error means that there is
    // one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    app::main()
}
