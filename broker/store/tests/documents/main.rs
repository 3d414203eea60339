//! Tests of the stored form of documents, and the training of its dictionaries.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

mod believable;
mod content;

use std::path::Path;
use std::time::Instant;

use apiary_identity::limits::DOCUMENT_BYTES_MAX;
use apiary_store::documents::{DocumentDamage, HEAD_BYTES, document_bytes, pack, unpack};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::believable::Maker;

/// Every dictionary's digest. Rows in databases need these bytes: none may ever change, or go.
const DIGESTS: [&str; 1] = ["ce1d6c9c2769fbf3981caeb3203573f3b6a3b2b250812662a96fe5141c30d435"];
/// Bytes of a new dictionary.
const DICTIONARY_BYTES: usize = 16 * 1024;

fn head(stored: &[u8]) -> &[u8] {
    &stored[..stored.len().min(HEAD_BYTES.unsigned_abs() as usize)]
}

fn comes_back(document: &[u8]) {
    let stored = pack(document);
    assert!(stored.len() <= document.len() + 1, "{} bytes became {}", document.len(), stored.len());
    assert_eq!(document_bytes(head(&stored), stored.len()), Ok(document.len()));
    assert!(unpack(&stored).unwrap() == document, "{} bytes", document.len());
}

#[test]
fn believable_documents_come_back_and_are_small() {
    let mut maker = Maker::new(2);
    let (mut plain, mut packed) = (0, 0);
    for _ in 0..2000 {
        let document = maker.document();
        comes_back(&document);
        plain += document.len();
        packed += pack(&document).len();
    }
    assert!(packed * 5 < plain * 3, "{plain} bytes became {packed}");
}

#[test]
fn documents_of_every_size_come_back() {
    for size in [0, 1, 255, 256, 65_535, 1024 * 1024, DOCUMENT_BYTES_MAX, DOCUMENT_BYTES_MAX + 1] {
        comes_back(&vec![b'a'; size]);
        comes_back(&(0..size).map(|at| (at.wrapping_mul(at) >> 7).to_le_bytes()[0]).collect::<Vec<_>>());
    }
}

proptest! {
    #[test]
    fn any_bytes_come_back(document: Vec<u8>) {
        comes_back(&document);
    }

    #[test]
    fn any_text_comes_back(document in "\\{\"colony\":\"[a-z0-9]{0,60}\",\"[a-z_]{1,20}\":[0-9]{1,9}(,\"[a-z]{1,9}\":\"[ -~]{0,99}\"){0,9}\\}") {
        comes_back(document.as_bytes());
    }

    /// Nothing that lies in a database makes the program panic, or use more memory than a document may have.
    #[test]
    fn any_stored_bytes_are_read_or_refused(version in 0..3_u8, rest: Vec<u8>) {
        let stored = [&[version], &rest[..]].concat();
        let _ = document_bytes(head(&stored), stored.len());
        if let Ok(document) = unpack(&stored) {
            prop_assert!(document.len() <= DOCUMENT_BYTES_MAX);
        }
    }

    #[test]
    fn a_changed_byte_is_read_or_refused(seed: u64, at: prop::sample::Index, flip in 1..=255_u8) {
        let mut stored = pack(&Maker::new(seed).document());
        let at = at.index(stored.len());
        stored[at] ^= flip;
        if let Ok(document) = unpack(&stored) {
            prop_assert!(document.len() <= DOCUMENT_BYTES_MAX);
        }
    }
}

#[test]
fn damage_is_named() {
    assert_eq!(unpack(&[]), Err(DocumentDamage::Empty));
    assert_eq!(document_bytes(&[], 0), Err(DocumentDamage::Empty));
    let genuine = pack(&Maker::new(3).spec());
    let altered = |version: u8, bytes: &[u8]| unpack(&[&[version], bytes].concat());
    assert_eq!(altered(200, &genuine[1..]), Err(DocumentDamage::Dictionary(200)));
    for short in 1..genuine.len() {
        let cut = unpack(&genuine[..short]);
        assert!(matches!(cut, Err(DocumentDamage::Frame(_))), "cut to {short}: {cut:?}");
    }
    let longer = unpack(&[&genuine[..], b"more"].concat());
    assert!(matches!(longer, Err(DocumentDamage::Frame(_))), "{longer:?}");
}

#[test]
fn a_frame_that_claims_gigabytes_is_refused_by_its_header() {
    // A single segment with a content size of eight bytes, and a block of one byte repeated as often as blocks allow.
    let frame = |size: u64| [&[1, 0b1110_0000][..], &size.to_le_bytes(), &[0xff, 0xff, 0xff, 0x41]].concat();
    for size in [DOCUMENT_BYTES_MAX as u64 + 1, 4 << 30, u64::MAX >> 2] {
        assert_eq!(unpack(&frame(size)), Err(DocumentDamage::Size(size)));
        assert_eq!(document_bytes(head(&frame(size)), 14), Err(DocumentDamage::Size(size)));
    }
    // Two million zeros in a few bytes are what a document may be; a second frame behind it has no room.
    let zeros = pack(&vec![0; DOCUMENT_BYTES_MAX]);
    assert!(zeros.len() < 1000, "{}", zeros.len());
    let twice = [&zeros[..], &[0x28, 0xb5, 0x2f, 0xfd], &zeros[1..]].concat();
    assert!(matches!(unpack(&twice), Err(DocumentDamage::Frame(_))));
}

#[test]
fn no_dictionary_changes_or_goes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/documents");
    for (number, recorded) in (1..).zip(DIGESTS) {
        let dictionary = std::fs::read(folder.join(format!("v{number}.dict"))).unwrap();
        assert_eq!(
            hex::encode(Sha256::digest(dictionary)),
            recorded,
            "v{number}.dict is what old rows were written with"
        );
    }
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), DIGESTS.len(), "each dictionary has its digest here");
    assert_eq!(usize::from(pack(&Maker::new(1).spec())[0]), DIGESTS.len(), "documents are written with the last");
}

/// Trains a dictionary on made-up documents, and writes it to `src/documents/next.dict`.
#[test]
#[ignore = "writes a new dictionary"]
fn train() {
    let mut maker = Maker::new(1);
    let documents: Vec<Vec<u8>> = (0..20_000).map(|_| maker.document()).collect();
    let dictionary = zstd::dict::from_samples(&documents, DICTIONARY_BYTES).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/documents/next.dict");
    std::fs::write(&path, &dictionary).unwrap();
    eprintln!("{}: {} bytes, {}", path.display(), dictionary.len(), hex::encode(Sha256::digest(&dictionary)));
}

/// Prints sizes, and times on this machine.
#[test]
#[ignore = "measures"]
fn measure() {
    for kind in ["spec", "result", "progress"] {
        let mut maker = Maker::new(4);
        let make = |_| match kind {
            "spec" => maker.spec(),
            "result" => maker.result(),
            _ => maker.progress(),
        };
        let documents: Vec<Vec<u8>> = (0..10_000).map(make).collect();
        let start = Instant::now();
        let stored: Vec<Vec<u8>> = documents.iter().map(|document| pack(document)).collect();
        let packing = start.elapsed();
        let (plain, packed) = (documents.concat().len(), stored.concat().len());
        let start = Instant::now();
        let read = stored.iter().filter(|stored| unpack(stored).is_ok()).count();
        let unpacking = start.elapsed();
        assert_eq!(read, documents.len());
        let each = |bytes: usize| bytes / documents.len();
        let (pack, unpack) = (packing / 10_000, unpacking / 10_000);
        eprintln!("{kind}: {} -> {} bytes; pack {pack:?}, unpack {unpack:?}", each(plain), each(packed));
    }
}
