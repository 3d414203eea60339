//! A PgBouncer that supports prepared statements: the system's, if it is new enough, or the next Debian's, unpacked
//! under the build folder.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::{children, workspace};

/// The first version that supports prepared statements.
const VERSION_MIN: (u32, u32) = (1, 21);
/// The Debian release with a newer one.
const SUITE: &str = "trixie";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// PgBouncer and its libraries, which are newer than those of an older release.
const PACKAGES: [&str; 16] = [
    "pgbouncer",
    "libaudit1",
    "libc6",
    "libcap-ng0",
    "libcap2",
    "libcares2",
    "libevent-2.1-7t64",
    "libgcrypt20",
    "libgpg-error0",
    "liblz4-1",
    "liblzma5",
    "libpam0g",
    "libssl3t64",
    "libsystemd0",
    "libzstd1",
    "zlib1g",
];

/// Returns the program; fetches it if it is missing.
pub(crate) fn newer() -> anyhow::Result<PathBuf> {
    let installed = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"].map(PathBuf::from);
    if let Some(program) = installed.into_iter().find(|program| is_new(program)) {
        return Ok(program);
    }
    let folder = workspace::target().join("tools/pgbouncer");
    let program = folder.join("pgbouncer");
    if !is_new(&program) {
        fetch(&folder).with_context(|| format!("fetch it from Debian's release {SUITE}"))?;
        ensure!(is_new(&program), "what was fetched does not run here");
    }
    // PgBouncer refuses to run as root, so that another account must be able to reach the program.
    let is_closed = |folder: &Path| fs::metadata(folder).map_or(true, |found| found.permissions().mode() & 0o001 == 0);
    if let Some(closed) = folder.ancestors().find(|folder| is_closed(folder)) {
        bail!("other accounts cannot enter {}: set CARGO_TARGET_DIR to a folder that they can", closed.display());
    }
    Ok(program)
}

/// Returns `true` if the program exists and is new enough.
fn is_new(program: &Path) -> bool {
    let Ok(words) = children::output_of(Command::new(program).arg("--version")) else { return false };
    let mut numbers = words.split([' ', '.', '\n']).filter_map(|word| word.parse().ok());
    numbers.next().zip(numbers.next()).is_some_and(|version| version >= VERSION_MIN)
}

/// Fetches the packages, with lists and caches of their own, and unpacks them.
fn fetch(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    for part in ["lists/partial", "cache/archives/partial", "packages", "root"] {
        fs::create_dir_all(folder.join(part))?;
    }
    fs::write(folder.join("sources.list"), format!("deb [signed-by={KEYRING}] {} {SUITE} main\n", source()?))?;
    eprintln!("fetching PgBouncer of Debian's release {SUITE}");
    apt_get(folder, &["update"])?;
    let packages = PACKAGES.map(|package| format!("{package}/{SUITE}"));
    let arguments: Vec<&str> = ["download"].into_iter().chain(packages.iter().map(String::as_str)).collect();
    apt_get(folder, &arguments)?;
    let root = folder.join("root");
    for package in fs::read_dir(folder.join("packages"))? {
        children::output_of(Command::new("dpkg").arg("-x").arg(package?.path()).arg(&root))?;
    }
    let (loader, libraries) = loader(&root)?;
    let text = format!(
        "#!/bin/sh\nexec '{}' --library-path '{}' '{}' \"$@\"\n",
        loader.display(),
        libraries.display(),
        root.join("usr/sbin/pgbouncer").display()
    );
    let program = folder.join("pgbouncer");
    fs::write(&program, text)?;
    fs::set_permissions(&program, Permissions::from_mode(0o755))?;
    Ok(())
}

/// Returns the address from which this machine gets Debian's packages.
fn source() -> anyhow::Result<String> {
    let of_debian = ["indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Origin: Debian", "Component: main"];
    let known = children::output_of(Command::new("apt-get").args(of_debian))?;
    // Security fixes and updates have addresses of their own, with a dash in the release's name.
    let source = known.lines().filter_map(|line| line.split_once(' ')).find(|(release, _)| !release.contains('-'));
    Ok(source.context("apt-get knows no source of Debian's packages; it may need `apt-get update`")?.1.to_owned())
}

fn apt_get(folder: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let option = |name: &str, path: &str| format!("-o{name}={}", folder.join(path).display());
    let mut command = Command::new("apt-get");
    command.current_dir(folder.join("packages")).env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet=2").args([
        option("Dir::Etc::sourcelist", "sources.list"),
        option("Dir::Etc::sourceparts", "no-others"),
        option("Dir::State::lists", "lists"),
        option("Dir::Cache", "cache"),
    ]);
    ensure!(children::run(command.args(arguments))?.success(), "`apt-get {}` failed", arguments.join(" "));
    Ok(())
}

/// Returns the dynamic loader that came with the libraries, and their folder.
fn loader(root: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    for libraries in fs::read_dir(root.join("usr/lib"))? {
        let libraries = libraries?.path();
        for file in fs::read_dir(&libraries).into_iter().flatten() {
            let file = file?;
            if file.file_name().to_string_lossy().starts_with("ld-linux") {
                return Ok((file.path(), libraries));
            }
        }
    }
    bail!("the packages hold no dynamic loader")
}
