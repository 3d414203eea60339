//! Interoperability with openssl: each side reads the other's keys and signatures.

#![expect(clippy::panic, clippy::unwrap_used, reason = "without openssl nothing here can be shown")]

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use apiary_identity::{Id, KeyError, KeyPair, read_key_file, write_key_file};

const PASSPHRASE: &str = "correct horse";

#[test]
fn openssl_reads_our_key_files() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, encrypted) = (folder.path().join("plain.pem"), folder.path().join("encrypted.pem"));
    let pair = KeyPair::generate();
    write_key_file(&plain, &pair, None).unwrap();
    write_key_file(&encrypted, &pair, Some(PASSPHRASE)).unwrap();
    let public = pair.id().to_spki_pem();
    for path in [&plain, &encrypted] {
        let printed = openssl(["pkey", "-pubout", "-passin", "env:PASSPHRASE", "-in"], path);
        assert_eq!(String::from_utf8(printed).unwrap(), public);
    }
}

#[test]
fn keys_that_openssl_made_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain.pem");
    openssl(["genpkey", "-algorithm", "ed25519", "-out"], &plain);
    let public = String::from_utf8(openssl(["pkey", "-pubout", "-in"], &plain)).unwrap();
    let id = Id::from_spki_pem(&public).unwrap();
    assert_eq!(read_key_file(&plain, None).unwrap().id(), id);
    for how in [["-v2", "aes-256-cbc"], ["-v2", "aes-128-cbc"], ["-v2prf", "hmacWithSHA512"], ["-scrypt", "-nocrypt"]] {
        let how = if how[1] == "-nocrypt" { &how[..1] } else { &how[..] };
        let [pem, shown] = [encrypted_by_openssl(&plain, how), how.join(" ")];
        assert_eq!(KeyPair::from_pem(&pem, Some(PASSPHRASE)).unwrap().id(), id, "{shown}");
        assert!(matches!(KeyPair::from_pem(&pem, Some("wrong")), Err(KeyError::PassphraseWrong)), "{shown}");
    }
}

#[test]
fn a_cipher_that_is_not_supported_is_not_called_a_wrong_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain.pem");
    openssl(["genpkey", "-algorithm", "ed25519", "-out"], &plain);
    let pem = encrypted_by_openssl(&plain, &["-v2", "des3"]);
    let error = KeyPair::from_pem(&pem, Some(PASSPHRASE)).unwrap_err();
    assert!(matches!(error, KeyError::Format(_)), "{error}");
    assert!(error.to_string().contains("unsupported"), "{error}");
}

#[test]
fn a_key_of_another_kind_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for algorithm in ["x25519", "ed448", "rsa"] {
        let path = folder.path().join(algorithm);
        openssl(["genpkey", "-algorithm", algorithm, "-out"], &path);
        let error = read_key_file(&path, None).unwrap_err();
        assert!(matches!(error, KeyError::Format(_)), "{algorithm}: {error}");
        let public = String::from_utf8(openssl(["pkey", "-pubout", "-in"], &path)).unwrap();
        assert!(Id::from_spki_pem(&public).is_err(), "{algorithm}");
    }
}

#[test]
fn signatures_go_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let pair = KeyPair::generate();
    write_key_file(&file("key"), &pair, None).unwrap();
    std::fs::write(file("public"), pair.id().to_spki_pem()).unwrap();
    for message in [b"x".as_slice(), b"hello", &[0xff; 5000]] {
        std::fs::write(file("message"), message).unwrap();
        let key = file("key");
        let sign = [
            OsStr::new("pkeyutl"),
            "-sign".as_ref(),
            "-rawin".as_ref(),
            "-inkey".as_ref(),
            key.as_ref(),
            "-in".as_ref(),
        ];
        let signature = openssl(sign, &file("message"));
        assert!(pair.id().verifies(message, signature.as_slice().try_into().unwrap()));
        assert_eq!(signature, pair.sign(message), "Ed25519 signatures are deterministic");

        std::fs::write(file("signature"), pair.sign(message)).unwrap();
        let (public, signature) = (file("public"), file("signature"));
        let verify = ["pkeyutl", "-verify", "-rawin", "-pubin"].map(OsStr::new).into_iter().chain([
            "-inkey".as_ref(),
            public.as_os_str(),
            "-sigfile".as_ref(),
            signature.as_os_str(),
            "-in".as_ref(),
        ]);
        openssl(verify, &file("message"));
    }
}

fn encrypted_by_openssl(plain: &Path, how: &[&str]) -> String {
    let start = ["pkcs8", "-topk8", "-passout", "env:PASSPHRASE"].into_iter().chain(how.iter().copied());
    String::from_utf8(openssl(start.chain(["-in"]), plain)).unwrap()
}

/// Runs `openssl`, which must succeed, and returns its output. The passphrase is in the environment, never an argument.
fn openssl<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>, file: &Path) -> Vec<u8> {
    let ran = Command::new("openssl").args(arguments).arg(file).env("PASSPHRASE", PASSPHRASE).output();
    let output = ran.unwrap_or_else(|error| {
        panic!("openssl cannot be run ({error}): install version 3, for example with `apt-get install openssl`")
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
