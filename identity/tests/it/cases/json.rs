//! JSONTestSuite: what is JSON goes through a document byte by byte, and what is not is refused in words.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a case that cannot be read fails the test that wants it")]

use std::process::Command;

use apiary_identity::{Content, Document as _, DocumentError, Envelope, EnvelopeError, Spec};

use crate::support::{Scene, seal};

/// Far less than a recursive reader would need for 100,000 levels.
const SMALL_STACK_BYTES: usize = 256 * 1024;

#[test]
fn every_file_goes_through_a_signed_spec_byte_by_byte() {
    let (scene, files) = (Scene::new(), suite());
    for (name, bytes) in &files {
        let spec = scene.spec().with_args(Content::from_bytes(bytes));
        let sealed = seal(&scene.user, &spec);
        let received = Envelope::from_json(&sealed.to_json()).unwrap();
        let opened: Spec = received.open().unwrap();
        assert_eq!(opened.args().to_bytes().unwrap(), bytes, "{name}");
    }
    let count = |kind: &str| files.iter().filter(|(name, _)| name.starts_with(kind)).count();
    assert_eq!((count("y_"), count("n_"), count("i_")), (95, 188, 35));
}

#[test]
fn what_is_json_can_be_written_into_a_document_as_it_is() {
    for (name, bytes) in suite().iter().filter(|(name, _)| name.starts_with("y_")) {
        for json in with_args(bytes) {
            let spec = Spec::from_json(&json).unwrap_or_else(|error| panic!("{name}: {error}"));
            let value = std::str::from_utf8(bytes).unwrap().trim_matches([' ', '\t', '\r', '\n']);
            assert_eq!(spec.args().to_bytes().unwrap(), value, "{name}");
        }
    }
}

#[test]
fn what_is_not_json_is_refused_as_document_and_in_one() {
    on_a_small_stack(|| {
        for (name, bytes) in suite().iter().filter(|(name, _)| name.starts_with("n_")) {
            assert_clear(name, &Spec::from_json(bytes).unwrap_err());
            assert!(matches!(Envelope::from_json(bytes), Err(EnvelopeError::Json(_))), "{name}");
            for json in with_args(bytes) {
                assert_clear(name, &Spec::from_json(&json).unwrap_err());
            }
        }
    });
}

#[test]
fn what_is_open_to_readers_does_no_harm() {
    on_a_small_stack(|| {
        for (name, bytes) in suite().iter().filter(|(name, _)| !name.starts_with(['y', 'n'])) {
            for json in with_args(bytes).into_iter().chain([bytes.clone()]) {
                match Spec::from_json(&json) {
                    Ok(spec) => assert!(bytes.starts_with(&spec.args().to_bytes().unwrap()), "{name}"),
                    Err(error) => assert_clear(name, &error),
                }
            }
        }
    });
}

/// A spec with these bytes as its arguments, in its midst and at its end.
fn with_args(bytes: &[u8]) -> [Vec<u8>; 2] {
    let spec = Scene::new().spec().with_args(Content::from_bytes(b"\"HERE\"")).to_json().unwrap();
    let spec = String::from_utf8(spec).unwrap();
    let (before, after) = spec.split_once("\"HERE\"").unwrap();
    let last = before.replacen("\"args\":", "", 1) + after.trim_start_matches(',').trim_end_matches('}') + ",\"args\":";
    [[before.as_bytes(), bytes, after.as_bytes()].concat(), [last.as_bytes(), bytes, b"}"].concat()]
}

fn assert_clear(name: &str, error: &DocumentError) {
    let words = error.to_string();
    assert!(words.contains("not valid") || words.contains("args"), "{name}: {words}");
    assert!(words.len() < 600 && !words.contains(char::is_control), "{name}: {words:?}");
}

fn on_a_small_stack(test: fn()) {
    std::thread::Builder::new().stack_size(SMALL_STACK_BYTES).spawn(test).unwrap().join().unwrap();
}

/// Every file of the suite, by name.
fn suite() -> Vec<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let archive = super::path("json/JSONTestSuite.tar.gz");
    let unpacked = Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(folder.path()).status();
    match unpacked {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("tar could not unpack {} ({status}): run `cargo xtask test`", archive.display()),
        Err(error) => panic!("tar cannot be run ({error}): install it, for example with `apt-get install tar`"),
    }
    let mut files: Vec<_> = std::fs::read_dir(folder.path().join("jts"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".json"))
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}
