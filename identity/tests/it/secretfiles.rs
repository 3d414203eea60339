//! Secret files of another user, as containers mount them: accepted if this process cannot change their mode and others
//! cannot change their content. A file of its own with open permissions is refused.

#![expect(clippy::unwrap_used, reason = "a step that fails fails its test")]

use std::fs::{File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use apiary_identity::{KeyError, KeyPair, check_secret_file, read_key_file};
use nix::unistd::{Uid, geteuid, setfsuid};
use tempfile::TempDir;

/// Id of a user who owns none of the files.
const SOMEBODY: u32 = 65_534;

/// A key as Kubernetes mounts it: a link to a file in a folder behind another link.
fn mounted(mode: u32) -> (TempDir, PathBuf, KeyPair) {
    let (folder, pair) = (tempfile::tempdir().unwrap(), KeyPair::generate());
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir(folder.path().join("..2026_11_29")).unwrap();
    symlink("..2026_11_29", folder.path().join("..data")).unwrap();
    symlink("..data/key.pem", folder.path().join("key.pem")).unwrap();
    let path = folder.path().join("key.pem");
    std::fs::write(&path, pair.to_pem(None).unwrap().as_str()).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    (folder, path, pair)
}

/// Runs `work` as a user who owns none of the files. Returns `None` if the tests lack the right to change the user:
/// then no file belongs to another user either.
fn as_somebody<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    // The file-system user id is per thread, so that it ends with this thread.
    let change = || {
        setfsuid(Uid::from_raw(SOMEBODY));
        work()
    };
    geteuid().is_root().then(|| std::thread::scope(|scope| scope.spawn(change).join().unwrap()))
}

fn exposed(path: &Path) -> Option<String> {
    check_secret_file(path, &File::open(path).unwrap()).unwrap().map(|exposed| exposed.to_string())
}

#[test]
fn a_mounted_key_that_nobody_can_change_is_used_with_a_warning() {
    for mode in [0o444, 0o440, 0o644, 0o640, 0o555] {
        let (_folder, path, pair) = mounted(mode);
        let Some(read) = as_somebody(|| (read_key_file(&path, None), exposed(&path))) else { return };
        assert_eq!(read.0.unwrap().id(), pair.id(), "{mode:o}");
        let words = read.1.unwrap();
        assert!(words.contains(&format!("{mode:04o}")) && words.contains("0400"), "{words}");
        assert!(!words.contains("chmod"), "which this process cannot do: {words}");
    }
}

#[test]
fn a_mounted_key_that_others_can_change_is_refused_with_a_remedy_that_fits() {
    for mode in [0o666, 0o664, 0o646, 0o460, 0o777] {
        let (_folder, path, _) = mounted(mode);
        let Some(read) = as_somebody(|| read_key_file(&path, None)) else { return };
        let error = read.unwrap_err();
        assert!(matches!(error, KeyError::Writable { .. }), "{mode:o}: {error}");
        let words = error.to_string();
        assert!(words.contains(&format!("{mode:04o}")) && words.contains("mount it with mode 0400"), "{words}");
        assert!(words.contains("owner") && !words.contains("chmod 600"), "which would fail: {words}");
    }
}

#[test]
fn an_open_key_of_ones_own_is_refused_behind_links_too() {
    for mode in [0o444, 0o440, 0o644] {
        let (_folder, path, _) = mounted(mode);
        let error = read_key_file(&path, None).unwrap_err();
        assert!(matches!(error, KeyError::Readable { .. }), "{mode:o}: {error}");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode, "the file stays as it was");
    }
}

#[test]
fn a_closed_key_is_nothing_to_warn_of() {
    let (_folder, path, _) = mounted(0o400);
    assert_eq!(exposed(&path), None);
}
