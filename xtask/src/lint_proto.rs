//! `cargo xtask lint-proto`: the schema's own rules, checked by buf.

use std::path::PathBuf;
use std::process::Command;

use anyhow::bail;

use crate::node::Package;
use crate::{children, workspace};

const BUF: Package = Package { folder: "buf", name: "@bufbuild/buf", version: "1.75.0", peers: &[] };

/// Returns buf's program; installs it where it is missing.
pub(crate) fn buf() -> anyhow::Result<PathBuf> {
    Ok(BUF.installed()?.join("node_modules/.bin/buf"))
}

/// Lints `proto/schema`, by the rules in its `buf.yaml`.
pub(crate) fn run() -> anyhow::Result<()> {
    let buf = buf()?;
    let status = children::run(Command::new(buf).arg("lint").current_dir(workspace::root().join("proto/schema")))?;
    if !status.success() {
        bail!("buf found fault with proto/schema: see above");
    }
    eprintln!("proto/schema passes buf's rules");
    Ok(())
}
