//! `cargo xtask lint-pages`: checks the description of the HTTP pages against OpenAPI's own rules.

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

/// Checks `docs/openapi.json`. Tests check that it matches the code.
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
