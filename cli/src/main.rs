//! `apiary`: the broker, the webhook door, the bees, and the tools to run and question them.

mod app;
mod arguments;
mod commands;
mod context;
mod daemon;
mod demo;
mod exit;
mod files;
mod keys;
mod logging;
mod mistakes;
mod output;
mod passphrase;
mod profile;
mod reload;
mod room;
mod settings;
mod up;

use std::process::ExitCode;

fn main() -> ExitCode {
    // TLS asks for a provider when it is first used; naming it here keeps that from failing later. An error
    // means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    app::main()
}
