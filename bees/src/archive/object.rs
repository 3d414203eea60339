//! An object: its lines, compressed, and the manifest that the bee signs. No I/O.

use apiary_identity::limits::ARCHIVE_OBJECT_BYTES_MAX;
use apiary_identity::{ArchiveErasure, ArchiveManifest, Digest, Envelope, ErasedLine, Id};
use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::ArchiveError;
use super::line::leaf;

/// Level of compression: most of a line is like the line before it.
const LEVEL: i32 = 6;
/// An erased line.
const ERASED: &[u8] = br#"{"format":"apiary.erased_process.v1"}"#;
/// Digits of a digest in an object's name.
const NAME_DIGITS: usize = 16;

/// Lines that become an object.
#[derive(Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    leaves: Vec<Digest>,
    first_ms: i64,
    last_ms: i64,
}

/// An object to store.
pub(super) struct NewObject {
    pub(super) manifest: ArchiveManifest,
    pub(super) bytes: Bytes,
}

impl Lines {
    /// Adds a line.
    pub(super) fn add(&mut self, line: &[u8], finished_at_ms: i64) {
        if self.leaves.is_empty() {
            self.first_ms = finished_at_ms;
        }
        self.last_ms = self.last_ms.max(finished_at_ms);
        self.first_ms = self.first_ms.min(finished_at_ms);
        self.leaves.push(leaf(line));
        self.bytes.extend_from_slice(line);
        self.bytes.push(b'\n');
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn count(&self) -> usize {
        self.leaves.len()
    }

    pub(super) fn last_ms(&self) -> i64 {
        self.last_ms
    }

    /// Compresses the lines, and writes the manifest of the object, which `signer` will sign.
    pub(super) fn finish(
        self,
        colony: Id,
        signer: &Id,
        number: i64,
        previous: Option<Digest>,
        until_ms: i64,
    ) -> Result<NewObject, ArchiveError> {
        let failed =
            |error: &dyn std::fmt::Display| ArchiveError::Damaged(format!("an object cannot be made: {error}"));
        let bytes: Bytes = zstd::bulk::compress(&self.bytes, LEVEL).map_err(|error| failed(&error))?.into();
        let moment = |ms| Timestamp::from_millisecond(ms).map_err(|error| failed(&error));
        let manifest = ArchiveManifest {
            colony,
            number,
            previous,
            object: name(&colony, number, signer, &bytes),
            object_bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            object_sha256: sha256(&bytes),
            line_bytes: u64::try_from(self.bytes.len()).unwrap_or(u64::MAX),
            processes: u64::try_from(self.leaves.len()).unwrap_or(u64::MAX),
            root: Digest::root_of(&self.leaves),
            first: moment(self.first_ms)?,
            last: moment(self.last_ms)?,
            until: moment(until_ms)?,
        };
        Ok(NewObject { manifest, bytes })
    }
}

/// Returns the folder of a colony's objects.
pub(super) fn folder(colony: &Id) -> String {
    colony.to_string().replace(':', "-")
}

/// Returns the beginning of the names of an object.
pub(super) fn prefix(colony: &Id, number: i64) -> String {
    format!("{}/{number:010}-", folder(colony))
}

/// Returns the name of an object. It has the signer's key in it: what a bee with another key left unfinished does not stand in the way.
fn name(colony: &Id, number: i64, signer: &Id, bytes: &[u8]) -> String {
    let digest = Sha256::new().chain_update(signer.as_bytes()).chain_update(bytes).finalize();
    let digits: String = Digest(digest.into()).to_string().chars().take(NAME_DIGITS).collect();
    format!("{}{digits}.jsonl.zst", prefix(colony, number))
}

/// Returns the name of an object's manifest.
pub(super) fn manifest_name(object: &str) -> String {
    format!("{object}.manifest.json")
}

/// Opens a manifest: its signature must be that of `signer`, if it is known, and it must be of the colony.
pub(super) fn open_manifest(
    colony: &Id,
    signer: Option<&Id>,
    envelope: &Envelope,
) -> Result<ArchiveManifest, ArchiveError> {
    if signer.is_some_and(|signer| *signer != envelope.key_id) {
        return Err(ArchiveError::Damaged(format!("the manifest is signed by {}, another key", envelope.key_id)));
    }
    let manifest: ArchiveManifest =
        envelope.open().map_err(|error| ArchiveError::Damaged(format!("the manifest: {error}")))?;
    match manifest.colony == *colony {
        true => Ok(manifest),
        false => Err(ArchiveError::Damaged(format!("the manifest is of the colony {}", manifest.colony))),
    }
}

/// Checks an object against its manifest, and returns its lines.
pub(super) fn open_object(manifest: &ArchiveManifest, bytes: &Bytes) -> Result<Vec<Bytes>, ArchiveError> {
    let lines = unpack(&manifest.object, manifest.object_sha256, manifest.line_bytes, bytes)?;
    let leaves: Vec<Digest> = lines.iter().map(|line| leaf(line)).collect();
    check_leaves(manifest, &manifest.object, &leaves)?;
    Ok(lines)
}

/// Checks the replacement of an object after an erasure, and returns its lines; `None` for those that are erased.
pub(super) fn open_replacement(
    manifest: &ArchiveManifest,
    erasure: &ArchiveErasure,
    bytes: &Bytes,
) -> Result<Vec<Option<Bytes>>, ArchiveError> {
    let lines = unpack(&erasure.replacement, erasure.replacement_sha256, erasure.line_bytes, bytes)?;
    let mut leaves: Vec<Digest> = lines.iter().map(|line| leaf(line)).collect();
    let mut lines: Vec<Option<Bytes>> = lines.into_iter().map(Some).collect();
    for erased in &erasure.erased {
        let at = usize::try_from(erased.line).unwrap_or(usize::MAX);
        if let (Some(line), Some(leaf)) = (lines.get_mut(at), leaves.get_mut(at)) {
            // The tombstone has the digest that the line had, so the root stays what the manifest says.
            (*line, *leaf) = (None, erased.leaf);
        }
    }
    check_leaves(manifest, &erasure.replacement, &leaves)?;
    Ok(lines)
}

/// Compresses lines in which some are erased; returns the object's name, its bytes, their digest, and the bytes of the lines.
pub(super) fn replacement(
    manifest: &ArchiveManifest,
    signer: &Id,
    lines: &[Option<Bytes>],
) -> Result<(String, Bytes, Digest, u64), ArchiveError> {
    let mut all = Vec::new();
    for line in lines {
        all.extend_from_slice(line.as_deref().unwrap_or(ERASED));
        all.push(b'\n');
    }
    let bytes: Bytes = zstd::bulk::compress(&all, LEVEL)
        .map_err(|error| ArchiveError::Damaged(format!("an object cannot be made: {error}")))?
        .into();
    let (name, sha256) = (name(&manifest.colony, manifest.number, signer, &bytes), sha256(&bytes));
    Ok((name, bytes, sha256, u64::try_from(all.len()).unwrap_or(u64::MAX)))
}

/// Returns the digests that the manifest was signed over: those of the lines and, of the erased, those that their tombstones have.
pub(super) fn signed_leaves(lines: &[Option<Bytes>], erased: &[ErasedLine]) -> Vec<Digest> {
    let mut leaves: Vec<Digest> = lines.iter().map(|line| leaf(line.as_deref().unwrap_or(ERASED))).collect();
    for one in erased {
        if let Some(leaf) = usize::try_from(one.line).ok().and_then(|at| leaves.get_mut(at)) {
            *leaf = one.leaf;
        }
    }
    leaves
}

/// Returns true if bytes are an earlier form of an object: each line is the one that was signed for its place, or erased.
pub(super) fn is_form_of(bytes: &[u8], signed_leaves: &[Digest]) -> bool {
    let most = usize::try_from(ARCHIVE_OBJECT_BYTES_MAX).unwrap_or(0);
    let lines = zstd::bulk::decompress(bytes, most).ok().and_then(|all| split(&all.into()));
    lines.is_some_and(|lines| {
        let is_own = |(line, signed): (&Bytes, &Digest)| line == ERASED || leaf(line) == *signed;
        lines.len() == signed_leaves.len() && lines.iter().zip(signed_leaves).all(is_own)
    })
}

/// Returns the beginning of the names of an object's erasures.
pub(super) fn erasure_prefix(object: &str) -> String {
    format!("{object}.erasure-")
}

/// Returns the name of an erasure.
pub(super) fn erasure_name(object: &str, number: i64) -> String {
    format!("{}{number:04}.json", erasure_prefix(object))
}

fn unpack(name: &str, wanted: Digest, line_bytes: u64, bytes: &Bytes) -> Result<Vec<Bytes>, ArchiveError> {
    let damaged = |words: &str| ArchiveError::Damaged(format!("the object {name:?} {words}"));
    if sha256(bytes) != wanted {
        return Err(damaged("has other bytes than was signed"));
    }
    // The document's own bounds hold: it was opened.
    let most = usize::try_from(line_bytes.min(ARCHIVE_OBJECT_BYTES_MAX)).unwrap_or(0);
    let all = zstd::bulk::decompress(bytes, most).map_err(|error| damaged(&format!("cannot be unpacked: {error}")))?;
    split(&all.into()).ok_or_else(|| damaged("ends in the middle of a line"))
}

/// Returns the lines without their newlines; `None` if the last has none.
fn split(all: &Bytes) -> Option<Vec<Bytes>> {
    let (mut lines, mut from) = (Vec::new(), 0);
    while let Some(length) = all.get(from..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n')) {
        lines.push(all.slice(from..from + length));
        from += length + 1;
    }
    (from == all.len()).then_some(lines)
}

fn check_leaves(manifest: &ArchiveManifest, name: &str, leaves: &[Digest]) -> Result<(), ArchiveError> {
    if u64::try_from(leaves.len()) == Ok(manifest.processes) && Digest::root_of(leaves) == manifest.root {
        return Ok(());
    }
    Err(ArchiveError::Damaged(format!("the object {name:?} has other lines than its manifest says")))
}

fn sha256(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use apiary_identity::KeyPair;

    use super::*;

    fn signer() -> Id {
        KeyPair::from_seed(&[2; 32]).id()
    }

    fn object(lines: &[&str]) -> NewObject {
        let mut all = Lines::default();
        for (at, line) in (1_000..).zip(lines) {
            all.add(line.as_bytes(), at);
        }
        all.finish(KeyPair::from_seed(&[1; 32]).id(), &signer(), 1, None, 5_000).unwrap()
    }

    #[test]
    fn lines_come_back_and_one_content_has_one_name() {
        let new = object(&["{\"a\":1}", "{}", "{\"b\":2}"]);
        let lines = open_object(&new.manifest, &new.bytes).unwrap();
        assert_eq!(lines, ["{\"a\":1}", "{}", "{\"b\":2}"]);
        assert_eq!(
            (new.manifest.processes, new.manifest.first.as_millisecond(), new.manifest.last.as_millisecond()),
            (3, 1_000, 1_002)
        );
        assert_eq!(object(&["{\"a\":1}", "{}", "{\"b\":2}"]).manifest, new.manifest);
        assert_ne!(object(&["{}"]).manifest.object, new.manifest.object);
        assert!(new.manifest.object.starts_with(&prefix(&new.manifest.colony, 1)));
    }

    #[test]
    fn only_forms_of_the_signed_object_are_its_own() {
        let new = object(&["{\"a\":1}", "{}"]);
        let leaves = signed_leaves(
            &[None, Some("{}".into())],
            &[ErasedLine { line: 0, process_id: uuid::Uuid::nil(), leaf: leaf(b"{\"a\":1}") }],
        );
        assert!(is_form_of(&new.bytes, &leaves));
        let (_, erased, ..) = replacement(&new.manifest, &signer(), &[None, Some("{}".into())]).unwrap();
        assert!(is_form_of(&erased, &leaves));
        for other in [&["{\"a\":2}", "{}"][..], &["{}", "{\"a\":1}"], &["{\"a\":1}"], &["{\"a\":1}", "{}", "{}"]] {
            assert!(!is_form_of(&object(other).bytes, &leaves), "{other:?}");
        }
        assert!(!is_form_of(b"no frame", &leaves));
    }

    #[test]
    fn every_changed_byte_is_damage() {
        let new = object(&["{\"a\":1}", "{}"]);
        for at in 0..new.bytes.len() {
            let mut changed = new.bytes.to_vec();
            changed[at] ^= 1;
            assert!(open_object(&new.manifest, &changed.into()).is_err(), "byte {at}");
        }
        // Another object under the digest of its own bytes, and the root of this one.
        let other = object(&["{\"a\":2}", "{}"]);
        let forged = ArchiveManifest { root: new.manifest.root, ..other.manifest };
        assert!(open_object(&forged, &other.bytes).unwrap_err().to_string().contains("other lines"));
    }

    #[test]
    fn a_manifest_is_of_its_signer_and_colony() {
        let (bee, colony) = (KeyPair::from_seed(&[2; 32]), KeyPair::from_seed(&[1; 32]).id());
        let envelope = Envelope::seal(&bee, &object(&["{}"]).manifest).unwrap();
        assert!(open_manifest(&colony, Some(&bee.id()), &envelope).is_ok());
        assert!(open_manifest(&colony, Some(&colony), &envelope).is_err());
        assert!(open_manifest(&bee.id(), None, &envelope).is_err());
    }
}
