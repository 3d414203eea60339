//! Identities: one spelling for each key, and none for weak keys.

use apiary_identity::{Id, IdError, KeyPair};
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use proptest::prelude::*;
use sha2::{Digest as _, Sha512};

use crate::support::weak_points;

#[test]
fn every_spelling_of_a_low_order_point_is_refused() {
    for point in weak_points() {
        let error = Id::from_bytes(&point).unwrap_err();
        assert!(matches!(error, IdError::Weak | IdError::Point), "{error}");
    }
    let canonical = weak_points()[0];
    assert_eq!(Id::from_bytes(&canonical), Err(IdError::Weak));
    assert!(IdError::Weak.to_string().contains("apiary key new"));
}

#[test]
fn a_key_that_was_met_before_is_the_same_and_a_bad_one_stays_bad() {
    // More keys than the cache holds, so that entries are evicted.
    let keys: Vec<Id> = (0..1000).map(|_| KeyPair::generate().id()).collect();
    for _ in 0..2 {
        for id in &keys {
            assert_eq!(Id::from_bytes(id.as_bytes()), Ok(*id));
        }
        for point in weak_points() {
            assert!(Id::from_bytes(&point).is_err());
        }
    }
}

#[test]
fn a_second_spelling_of_a_point_is_refused() {
    // y + p for every y below 19, the only ones that fit into 255 bits, with both signs.
    for y in 0..19_u8 {
        for sign in [0, 0x80] {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (0xed + y, 0x7f | sign);
            assert_eq!(Id::from_bytes(&bytes), Err(IdError::Point), "y = p + {y}");
        }
    }
    // x = 0 has no sign.
    let mut bytes = [0; 32];
    (bytes[0], bytes[31]) = (1, 0x80);
    assert!(Id::from_bytes(&bytes).is_err());
}

#[test]
fn a_signature_with_a_low_order_r_is_refused() {
    // With R the neutral element, S = k·a satisfies the plain equation. The curve library's lax check accepts this
    // signature, which needs no nonce.
    let (seed, message) = ([7; 32], b"anything");
    let (id, neutral) = (KeyPair::from_seed(&seed).id(), weak_points()[0]);
    let secret = Scalar::from_bytes_mod_order(clamp_integer(Sha512::digest(seed)[..32].try_into().unwrap()));
    let k = Sha512::digest([neutral.as_slice(), id.as_bytes(), message].concat());
    let s = Scalar::from_bytes_mod_order_wide(&k.into()) * secret;
    let signature: [u8; 64] = [neutral, s.to_bytes()].concat().try_into().unwrap();
    let lax = VerifyingKey::from_bytes(id.as_bytes()).unwrap();
    assert!(lax.verify(message, &Signature::from_bytes(&signature)).is_ok());
    assert!(!id.verifies(message, &signature));
}

#[test]
fn what_is_not_an_id_is_refused() {
    let good = KeyPair::generate().id().to_string();
    assert_eq!(good.len(), "ed25519:".len() + 43);
    let encoded = good.strip_prefix("ed25519:").unwrap();
    let bad = [
        String::new(),
        encoded.to_owned(),
        format!("ED25519:{encoded}"),
        format!("ed25519: {encoded}"),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{good}="),
        format!("{good}A"),
        good[..good.len() - 1].to_owned(),
        format!("ed25519:{}", "+".repeat(43)),
        format!("ed25519:{}", "ä".repeat(43)),
    ];
    for text in bad {
        assert_eq!(text.parse::<Id>(), Err(IdError::Form), "{text:?}");
    }
    assert_eq!(Id::from_slice(&[0; 31]), Err(IdError::Point));
}

#[test]
fn the_unused_bits_of_the_last_character_must_be_zero() {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let good = KeyPair::generate().id().to_string();
    let (start, last) = good.split_at(good.len() - 1);
    let accepted = alphabet.iter().filter(|c| format!("{start}{}", char::from(**c)).parse::<Id>() == good.parse());
    assert_eq!(accepted.map(|c| char::from(*c).to_string()).collect::<Vec<_>>(), [last]);
}

proptest! {
    #[test]
    fn ids_round_trip(seed: [u8; 32]) {
        let id = KeyPair::from_seed(&seed).id();
        prop_assert_eq!(id.to_string().parse::<Id>(), Ok(id));
        prop_assert_eq!(Id::from_bytes(id.as_bytes()), Ok(id));
        prop_assert_eq!(Id::from_spki_pem(&id.to_spki_pem()), Ok(id));
        let json = serde_json::to_string(&id).unwrap();
        prop_assert_eq!(serde_json::from_str::<Id>(&json).unwrap(), id);
    }

    #[test]
    fn any_bytes_are_an_id_that_prints_back_or_none(bytes: [u8; 32]) {
        if let Ok(id) = Id::from_bytes(&bytes) {
            prop_assert_eq!(id.as_bytes(), &bytes);
            prop_assert_eq!(id.to_string().parse::<Id>(), Ok(id));
        }
    }

    #[test]
    fn any_text_is_an_id_that_prints_back_or_none(text in "(ed25519:)?[A-Za-z0-9_-]{42,44}|.*") {
        if let Ok(id) = text.parse::<Id>() {
            prop_assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn one_flipped_bit_in_message_or_signature_breaks_it(message: Vec<u8>, at: prop::sample::Index, bit in 0..8_u8) {
        let pair = KeyPair::generate();
        let mut both = [pair.sign(&message).as_slice(), &message].concat();
        let at = at.index(both.len());
        both[at] ^= 1 << bit;
        let (signature, message) = both.split_at(64);
        prop_assert!(!pair.id().verifies(message, signature.try_into().unwrap()));
    }
}
