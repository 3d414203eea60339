//! A reproducible tar archive: its bytes depend only on names, contents and a given time.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::children;

/// Packs `folder` of `parent` into `archive`, a `.tar.gz`: sorted, with a single time, owned by root. The archive
/// appears complete or not at all.
pub(super) fn write(parent: &Path, folder: &str, seconds: u64, archive: &Path) -> anyhow::Result<()> {
    let unfinished = archive.with_extension("unfinished");
    let packed = archive.with_extension("packed");
    let mut tar = Command::new("tar");
    tar.args(["--create", "--format=ustar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"])
        // The same rights with every umask.
        .arg("--mode=u=rwX,go=rX")
        .arg(format!("--mtime=@{seconds}"))
        .arg("--file")
        .arg(&packed)
        .arg("--directory")
        .arg(parent)
        .arg(folder);
    run(&mut tar)?;
    let mut gzip = Command::new("gzip");
    // Without the name and the time of the input, which would differ between runs.
    gzip.args(["--no-name", "--best", "--stdout"]).arg(&packed).stdout(File::create(&unfinished)?);
    let zipped = run(&mut gzip);
    fs::remove_file(&packed)?;
    zipped?;
    fs::rename(&unfinished, archive).with_context(|| format!("cannot write {}", archive.display()))
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = children::run(command).with_context(|| format!("install GNU {program}"))?;
    if !status.success() {
        bail!("{program} failed ({status})");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::{Duration, SystemTime};

    use super::*;

    /// Packs a folder with two files, written in this order, at this age, with these rights.
    fn packed(names: [&str; 2], age: Duration, mode: u32) -> Vec<u8> {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("thing-1.0");
        fs::create_dir(&folder).unwrap();
        for name in names {
            let file = File::create(folder.join(name)).unwrap();
            fs::write(folder.join(name), name).unwrap();
            file.set_permissions(fs::Permissions::from_mode(mode)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + age).unwrap();
        }
        let archive = parent.path().join("thing-1.0.tar.gz");
        write(parent.path(), "thing-1.0", 1_800_000_000, &archive).unwrap();
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 2, "nothing unfinished stays");
        fs::read(archive).unwrap()
    }

    #[test]
    fn the_same_files_make_the_same_archive() {
        let first = packed(["a", "b"], Duration::from_secs(1_000), 0o600);
        let second = packed(["b", "a"], Duration::from_secs(2_000), 0o664);
        assert_eq!(first, second);
        assert_ne!(first, packed(["a", "c"], Duration::from_secs(1_000), 0o600));
    }

    #[test]
    fn a_program_stays_one() {
        assert_ne!(packed(["a", "b"], Duration::ZERO, 0o700), packed(["a", "b"], Duration::ZERO, 0o600));
    }
}
