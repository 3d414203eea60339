//! Debug and error output without secrets.

#![expect(clippy::unwrap_used, reason = "a step that fails fails its test")]

use std::fmt::Debug;

use apiary_identity::{Content, Envelope, KeyError, KeyPair, Outcome, Spec, read_key_file, write_key_file};

use crate::support::{Scene, seal};

const SEED: [u8; 32] = *b"an-Ed25519-seed-of-32-bytes-here";

/// Returns the seed in every form in which output could contain it.
fn forms(secret: &[u8]) -> Vec<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    let list = format!("{secret:?}");
    vec![
        String::from_utf8(secret.to_vec()).unwrap(),
        hex::encode(secret),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        list.trim_matches(['[', ']']).to_owned(),
    ]
}

#[track_caller]
fn assert_hidden(secret: &[u8], shown: &str) {
    for form in forms(secret) {
        assert!(!shown.contains(&form), "{shown}");
    }
}

#[track_caller]
fn assert_debug_hides(secret: &[u8], value: &dyn Debug) {
    assert_hidden(secret, &format!("{value:?}"));
    assert_hidden(secret, &format!("{value:#?}"));
}

#[test]
fn a_key_pair_prints_who_it_is_and_no_more() {
    let pair = KeyPair::from_seed(&SEED);
    assert_debug_hides(&SEED, &pair);
    assert_debug_hides(&SEED, &Some((pair.clone(), [pair.clone()])));
    assert!(format!("{pair:?}").contains(&pair.id().to_string()));
    // Shows that the search above does find a leaked seed.
    assert!(forms(&SEED).iter().any(|form| format!("{:?}", SEED).contains(form)));
}

#[test]
fn errors_about_keys_hold_none_of_it() {
    let pem = KeyPair::from_seed(&SEED).to_pem(None).unwrap();
    let body = pem.lines().nth(1).unwrap();
    let broken = [
        pem.replacen(body, &body[..40], 1),
        pem.replacen(body, &body.replace('I', "J"), 1),
        pem.replacen("PRIVATE", "PUBLIC", 2),
        pem.replacen("BEGIN", "BEGUN", 1),
        pem.replacen("PRIVATE", "ENCRYPTED PRIVATE", 2),
        pem.replacen('\n', "", 1),
    ];
    for text in broken {
        let error = KeyPair::from_pem(&text, Some("hunter42-is-secret")).unwrap_err();
        for shown in [format!("{error}"), format!("{error:?}"), format!("{error:#?}")] {
            assert_hidden(&SEED, &shown);
            assert!(!shown.contains(&body[20..40]) && !shown.contains("hunter42"), "{shown}");
        }
    }
}

#[test]
fn errors_about_key_files_hold_neither_key_nor_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    write_key_file(&path, &KeyPair::from_seed(&SEED), None).unwrap();
    let exists: KeyError = write_key_file(&path, &KeyPair::from_seed(&SEED), Some("s3cret-phrase")).unwrap_err();
    let missing = read_key_file(&folder.path().join("none"), Some("s3cret-phrase")).unwrap_err();
    for error in [exists, missing] {
        assert_debug_hides(&SEED, &error);
        assert!(!format!("{error} {error:?}").contains("s3cret-phrase"));
    }
}

#[test]
fn arguments_outputs_and_environment_are_not_printed() {
    const SECRET: &[u8] = b"whsec_0123456789";
    let scene = Scene::new();
    for bytes in [format!("{{\"token\":\"{}\"}}", "whsec_0123456789").into_bytes(), SECRET.to_vec()] {
        let content = Content::from_bytes(&bytes);
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bytes);
        let mut spec: Spec = scene.spec().with_args(content.clone());
        spec.env.insert("TOKEN".to_owned(), "whsec_0123456789".to_owned());
        let sealed: Envelope = seal(&scene.user, &spec);
        let outcome: Outcome = scene.outcome(&sealed);
        let output =
            Outcome::succeeded(outcome.colony, outcome.process_id, 1, sealed.digest(), scene.now, content.clone());
        let progress = scene.progress(&sealed).with_output(content.clone()).with_checkpoint(content.clone());
        let values: [&dyn Debug; 5] = [&content, &spec, &sealed, &output, &progress];
        for value in values {
            assert_debug_hides(SECRET, value);
            assert!(!format!("{value:?}").contains(&encoded), "{value:?}");
        }
        assert!(format!("{spec:?}").contains("billing.apply") && format!("{spec:?}").contains("TOKEN"), "{spec:?}");
    }
}
