//! Published key files, good and bad.

use apiary_identity::{Id, IdError, KeyError, KeyPair};

/// The passphrase that was published with the encrypted files.
const PASSPHRASE: &str = "password";

#[test]
fn a_published_key_file_is_read_and_printed_again() {
    let pem = super::text("ed25519/ed25519-pkcs8.pem");
    let pair = KeyPair::from_pem(&pem, None).unwrap();
    assert_eq!(pair.id(), Id::from_spki_pem(&super::text("ed25519/ed25519-pub.pem")).unwrap());
    assert_eq!(pair.id(), Id::from_spki_der(&super::bytes("ed25519/ed25519-pub.der")).unwrap());
    assert_eq!(pair.id().to_spki_pem().trim(), super::text("ed25519/ed25519-pub.pem").trim());
    // The secret half is at the end of the 48 bytes: 16 of frame, 32 of seed.
    let der = super::bytes("ed25519/ed25519-pkcs8.der");
    let seed: &[u8; 32] = der[16..].try_into().unwrap();
    assert_eq!(KeyPair::from_seed(seed).sign(b"same"), pair.sign(b"same"));
}

#[test]
fn line_ends_and_space_around_a_key_do_no_harm() {
    let pem = super::text("ed25519/ed25519-pkcs8.pem");
    let id = KeyPair::from_pem(&pem, None).unwrap().id();
    for text in [pem.replace('\n', "\r\n"), format!("\n {pem} \n"), pem.trim().to_owned()] {
        assert_eq!(KeyPair::from_pem(&text, None).unwrap().id(), id);
    }
}

#[test]
fn a_published_encrypted_key_opens_with_its_passphrase_alone() {
    let pem = super::text("ed25519/ed25519-pkcs8-enc.pem");
    let plain = KeyPair::from_pem(&super::text("ed25519/ed25519-pkcs8.pem"), None).unwrap();
    assert_eq!(KeyPair::from_pem(&pem, Some(PASSPHRASE)).unwrap().id(), plain.id());
    assert!(matches!(KeyPair::from_pem(&pem, None), Err(KeyError::PassphraseMissing)));
    for wrong in ["", "Password", "password1", "password\n"] {
        assert!(matches!(KeyPair::from_pem(&pem, Some(wrong)), Err(KeyError::PassphraseWrong)), "{wrong:?}");
    }
}

#[test]
fn a_public_key_with_unused_bits_set_is_refused() {
    let der = super::bytes("ed25519/ed25519-pub-non-zero-unused-bits.der");
    let error = Id::from_spki_der(&der).unwrap_err();
    assert!(matches!(error, IdError::Spki(_)), "{error}");
    assert!(error.to_string().contains("public key file"), "{error}");
}

#[test]
fn a_public_key_cut_short_or_with_more_behind_it_is_refused() {
    let der = super::bytes("ed25519/ed25519-pub.der");
    for end in 0..der.len() {
        assert!(Id::from_spki_der(&der[..end]).is_err(), "{end} bytes");
    }
    assert!(Id::from_spki_der(&[der, vec![0]].concat()).is_err());
}
