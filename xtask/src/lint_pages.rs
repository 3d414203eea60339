//! `cargo xtask lint-pages`: the description of the HTTP pages, held to OpenAPI's own rules.

use std::process::Command;

use anyhow::bail;

use crate::node::Package;
use crate::{children, workspace};

const VALIDATOR: Package = Package {
    folder: "openapi-schema-validator",
    name: "@seriousme/openapi-schema-validator",
    version: "2.11.0",
    peers: &[],
};

/// Checks `docs/openapi.json`. Whether it fits the code is for tests.
pub(crate) fn run() -> anyhow::Result<()> {
    let program = VALIDATOR.installed()?.join("node_modules/.bin/validate-api");
    let description = workspace::root().join("docs/openapi.json");
    let status = children::run(Command::new(program).arg(description))?;
    if !status.success() {
        bail!("docs/openapi.json is no OpenAPI document: see above");
    }
    eprintln!("docs/openapi.json passes OpenAPI's rules");
    Ok(())
}
