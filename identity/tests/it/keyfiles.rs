//! Key files: readable by their owner only, never overwritten, complete or absent.

#![expect(clippy::unwrap_used, reason = "a step that fails fails its test")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Barrier;

use apiary_identity::{KeyError, KeyPair, read_key_file, write_key_file};

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_key_is_written_for_its_owner_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alice.pem");
    let pair = KeyPair::generate();
    write_key_file(&path, &pair, None).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(read_key_file(&path, None).unwrap().id(), pair.id());
    assert_eq!(names(folder.path()), ["alice.pem"]);
}

#[test]
fn a_file_that_is_there_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alice.pem");
    std::fs::write(&path, "precious").unwrap();
    let error = write_key_file(&path, &KeyPair::generate(), None).unwrap_err();
    assert!(matches!(error, KeyError::Exists(_)), "{error}");
    assert!(error.to_string().contains("alice.pem exists and is not overwritten"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    assert_eq!(names(folder.path()), ["alice.pem"]);
    let dangling = folder.path().join("bob.pem");
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &dangling).unwrap();
    assert!(matches!(write_key_file(&dangling, &KeyPair::generate(), None), Err(KeyError::Exists(_))));
    assert!(!folder.path().join("nowhere").exists());
}

#[test]
fn of_many_writers_at_once_one_wins_whole() {
    const WRITERS: usize = 16;
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let (path, start) = (folder.path().join("alice.pem"), Barrier::new(WRITERS));
        let write = || {
            let pair = KeyPair::generate();
            start.wait();
            write_key_file(&path, &pair, None).map(|()| pair.id())
        };
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(write)).collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1);
        assert!(lost.iter().all(|error| matches!(error, Err(KeyError::Exists(_)))), "{lost:?}");
        assert_eq!(read_key_file(&path, None).unwrap().id(), *won[0].as_ref().unwrap());
        assert_eq!(names(folder.path()), ["alice.pem"]);
    }
}

#[test]
fn writers_of_neighbouring_files_do_not_meet() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for extension in ["pem", "key", "old", "new"] {
            let path = folder.path().join(format!("alice.{extension}"));
            scope.spawn(move || write_key_file(&path, &KeyPair::generate(), None).unwrap());
        }
    });
    let ids: std::collections::HashSet<_> =
        names(folder.path()).iter().map(|name| read_key_file(&folder.path().join(name), None).unwrap().id()).collect();
    assert_eq!(ids.len(), 4);
}

#[test]
fn what_a_crash_left_behind_is_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alice.pem");
    // Leftovers of crashed writers, under several names.
    let process = std::process::id();
    for left in [format!("alice.{process}.unfinished"), ".alice.pem.unfinished".to_owned()] {
        std::fs::write(folder.path().join(&left), "-----BEGIN PRIV").unwrap();
        std::fs::set_permissions(folder.path().join(&left), Permissions::from_mode(0o644)).unwrap();
    }
    let elsewhere = folder.path().join("elsewhere");
    std::os::unix::fs::symlink(&elsewhere, folder.path().join(".alice.unfinished")).unwrap();
    let pair = KeyPair::generate();
    write_key_file(&path, &pair, None).unwrap();
    assert_eq!(read_key_file(&path, None).unwrap().id(), pair.id());
    assert_eq!(mode(&path), 0o600);
    assert!(!elsewhere.exists());
}

#[test]
fn a_failed_write_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    assert!(matches!(write_key_file(&taken, &KeyPair::generate(), None), Err(KeyError::Exists(_))));
    assert_eq!(names(folder.path()), ["taken"]);
    let missing = folder.path().join("no-such-folder/alice.pem");
    let error = write_key_file(&missing, &KeyPair::generate(), None).unwrap_err();
    assert!(matches!(error, KeyError::Io { .. }) && error.to_string().contains("no-such-folder"), "{error}");
    for nameless in ["", "/", ".."] {
        assert!(write_key_file(Path::new(nameless), &KeyPair::generate(), None).is_err(), "{nameless:?}");
    }
}

#[test]
fn a_key_that_others_can_touch_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alice.pem");
    write_key_file(&path, &KeyPair::generate(), None).unwrap();
    for open in [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666, 0o777] {
        std::fs::set_permissions(&path, Permissions::from_mode(open)).unwrap();
        let error = read_key_file(&path, None).unwrap_err();
        assert!(matches!(error, KeyError::Readable { .. }), "{open:o}: {error}");
        assert!(error.to_string().contains(&format!("chmod 600 {}", path.display())), "{error}");
        assert!(error.to_string().contains(&format!("{open:04o}")), "{error}");
    }
    for closed in [0o600, 0o400] {
        std::fs::set_permissions(&path, Permissions::from_mode(closed)).unwrap();
        assert!(read_key_file(&path, None).is_ok(), "{closed:o}");
    }
}

#[test]
fn what_is_no_key_file_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alice.pem");
    let cut = &KeyPair::generate().to_pem(None).unwrap()[..60];
    for (content, words) in [
        (b"".to_vec(), "apiary key new"),
        (b"hello".to_vec(), "apiary key new"),
        (cut.as_bytes().to_vec(), "apiary key new"),
        (KeyPair::generate().id().to_spki_pem().into_bytes(), "apiary key new"),
        (
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n".to_vec(),
            "apiary key new",
        ),
        (vec![0xff; 100], "UTF-8"),
        (vec![b'x'; 1_000_000], "apiary key new"),
    ] {
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let error = read_key_file(&path, Some("secret")).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let error = read_key_file(&folder.path().join("nobody.pem"), None).unwrap_err();
    assert!(error.to_string().contains("nobody.pem"), "{error}");
}

#[test]
fn an_encrypted_file_opens_with_its_passphrase_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alice.pem");
    let pair = KeyPair::generate();
    write_key_file(&path, &pair, Some("päss phrase")).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    assert_eq!(read_key_file(&path, Some("päss phrase")).unwrap().id(), pair.id());
    assert!(matches!(read_key_file(&path, None), Err(KeyError::PassphraseMissing)));
    assert!(matches!(read_key_file(&path, Some("pass phrase")), Err(KeyError::PassphraseWrong)));
}

#[test]
fn halves_that_do_not_belong_together_are_refused() {
    // PKCS#8 of version 2 (RFC 8410, section 7) also has the public key: here that of another pair.
    let (mine, other) = (KeyPair::from_seed(&[7; 32]), KeyPair::from_seed(&[8; 32]));
    let pem = |public: &KeyPair| {
        let start: [&[u8]; 3] = [
            &[0x30, 0x51, 0x02, 0x01, 0x01, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20],
            &[7; 32],
            &[0x81, 0x21, 0x00],
        ];
        let der = [start.concat().as_slice(), public.id().as_bytes()].concat();
        let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
        let (first, second) = text.split_at(64);
        format!("-----BEGIN PRIVATE KEY-----\n{first}\n{second}\n-----END PRIVATE KEY-----\n")
    };
    assert_eq!(KeyPair::from_pem(&pem(&mine), None).unwrap().id(), mine.id());
    assert!(matches!(KeyPair::from_pem(&pem(&other), None), Err(KeyError::Format(_))));
}
