//! `cargo xtask lint-manifests`: checks the files for container engines with their linters.

use std::process::Command;

use anyhow::bail;

use crate::python::Environment;
use crate::{children, workspace};

const COMPOSE_LINT: Environment = Environment { folder: "compose-lint", packages: &["compose-lint==0.36.2"] };
const KUBERNETES_VALIDATE: Environment =
    Environment { folder: "kubernetes-validate", packages: &["kubernetes-validate==1.37.0"] };

/// A linter, with its arguments, run in a folder of `deploy`.
const LINTS: [(&Environment, &str, &[&str], &str); 2] = [
    (&COMPOSE_LINT, "compose-lint", &["--quiet", "compose.yaml"], "compose"),
    (&KUBERNETES_VALIDATE, "kubernetes-validate", &["--strict", "apiary.yaml"], "kubernetes"),
];

/// Checks the form. Nothing is started, because that needs an engine.
pub(crate) fn run() -> anyhow::Result<()> {
    for (environment, program, arguments, folder) in LINTS {
        let program = environment.installed()?.join(program);
        let folder = workspace::root().join("deploy").join(folder);
        let status = children::run(Command::new(&program).args(arguments).current_dir(&folder))?;
        if !status.success() {
            bail!("{} is not as it must be: see above", folder.display());
        }
    }
    Ok(())
}
