//! RFC 8032, Bernstein's `sign.input`, and Wycheproof.

#![expect(clippy::unwrap_used, reason = "a case that cannot be read fails the test that wants it")]

use apiary_identity::{Id, KeyPair};
use serde::Deserialize;

#[derive(Deserialize)]
struct Signed {
    cases: Vec<SignedCase>,
}

#[derive(Deserialize)]
struct SignedCase {
    seed: String,
    #[serde(rename = "pub")]
    public: String,
    msg: String,
    sig: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wycheproof {
    number_of_tests: usize,
    test_groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    public_key: PublicKey,
    public_key_der: String,
    public_key_pem: String,
    tests: Vec<Verdict>,
}

#[derive(Deserialize)]
struct PublicKey {
    pk: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    tc_id: u32,
    comment: String,
    msg: String,
    sig: String,
    result: String,
}

#[test]
fn rfc_8032_signs_and_verifies_byte_for_byte() {
    assert_eq!(check_signed("ed25519/rfc8032.json"), 4);
}

#[test]
fn all_of_sign_input_signs_and_verifies_byte_for_byte() {
    assert_eq!(check_signed("ed25519/sign_input.json"), 1024);
}

#[test]
fn wycheproofs_verdicts_are_ours() {
    let suite: Wycheproof = serde_json::from_slice(&super::bytes("ed25519/wycheproof_ed25519_test.json")).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in &suite.test_groups {
        // Every key of the suite is an honest one: what is wrong in the bad cases is the signature.
        let id = Id::from_bytes(&array(&group.public_key.pk)).unwrap();
        assert_eq!(Id::from_spki_der(&hex(&group.public_key_der)).unwrap(), id);
        assert_eq!(Id::from_spki_pem(&group.public_key_pem).unwrap(), id);
        for case in &group.tests {
            let accepted = <[u8; 64]>::try_from(hex(&case.sig)).is_ok_and(|sig| id.verifies(&hex(&case.msg), &sig));
            match case.result.as_str() {
                "valid" => valid += 1,
                "invalid" => invalid += 1,
                other => unreachable!("a verdict `{other}` in case {}", case.tc_id),
            }
            assert_eq!(accepted, case.result == "valid", "case {}: {}", case.tc_id, case.comment);
        }
    }
    assert_eq!((valid, invalid, suite.number_of_tests), (88, 63, 151));
}

fn check_signed(name: &str) -> usize {
    let suite: Signed = serde_json::from_slice(&super::bytes(name)).unwrap();
    for (number, case) in suite.cases.iter().enumerate() {
        let (pair, message) = (KeyPair::from_seed(&array(&case.seed)), hex(&case.msg));
        assert_eq!(pair.id().as_bytes(), &array(&case.public), "{name}, case {number}");
        let signature: [u8; 64] = array(&case.sig);
        assert_eq!(pair.sign(&message), signature, "{name}, case {number}");
        let id = Id::from_bytes(&array(&case.public)).unwrap();
        assert!(id.verifies(&message, &signature), "{name}, case {number}");
        assert!(!id.verifies(&[message, vec![0]].concat(), &signature), "{name}, case {number}");
    }
    suite.cases.len()
}

fn hex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().unwrap()
}
