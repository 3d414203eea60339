//! Leaves of events: the bytes that `docs/protocol.md` fixes.

#![expect(clippy::unwrap_used, reason = "a step that fails fails its test")]

use apiary_identity::{EventLeaf, Id};

const PROTOCOL: &str = include_str!("../../../docs/protocol.md");

fn id(hex: &str) -> Id {
    Id::from_slice(&hex::decode(hex).unwrap()).unwrap()
}

fn leaf<'a>(colony: &'a Id, key: &'a Id) -> EventLeaf<'a> {
    EventLeaf {
        colony,
        position: 7,
        time: "2027-01-15T08:00:00.123Z".parse().unwrap(),
        kind: "refused.scope",
        method: "Submit",
        reason: "NOT_PERMITTED",
        key: Some(key),
        is_proven: true,
        name: "Zoë",
        address: "203.0.113.7",
        process_id: Some("01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()),
        function: "invoice.send",
        request_id: "r-1",
        subject: "",
        detail: "not permitted: `invoice.send` is not covered",
        count: 3,
    }
}

// The two keys are the public keys of the first two tests of RFC 8032, section 7.1. The hash was computed by another program.
#[test]
fn the_documented_leaf_has_the_documented_hash() {
    let colony = id("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    let key = id("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    let leaf = leaf(&colony, &key);
    let text = String::from_utf8(leaf.to_bytes()).unwrap();
    assert!(PROTOCOL.contains(&text), "{text}");
    let hash = leaf.digest().to_string();
    assert_eq!(hash, "737f2e4ac3ae552e2796e9c8a5e77f4bafb9c8be74fa88f609d7cf2837852490");
    assert!(PROTOCOL.contains(&hash));
}

#[test]
fn text_cannot_move_from_one_field_to_the_next() {
    let (colony, key) = (apiary_identity::KeyPair::generate().id(), apiary_identity::KeyPair::generate().id());
    let one = EventLeaf { subject: "ab", detail: "c", ..leaf(&colony, &key) };
    let other = EventLeaf { subject: "a", detail: "bc", ..leaf(&colony, &key) };
    let quoted = EventLeaf { subject: "ab,1:c", detail: "", ..leaf(&colony, &key) };
    assert_ne!(one.to_bytes(), other.to_bytes());
    assert_ne!(one.to_bytes(), quoted.to_bytes());
    assert_ne!(leaf(&colony, &key).digest(), EventLeaf { key: None, ..leaf(&colony, &key) }.digest());
}
