//! `erase`: the bytes of a person's processes leave the archive, and a signed tombstone stays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apiary_executor_sdk::wire::envelope_from_proto;
use apiary_executor_sdk::{CancellationToken, Reason, v1};
use apiary_identity::{ArchiveErasure, Digest, ErasedLine};
use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

use super::line::leaf;
use super::object::{erasure_name, folder, is_form_of, open_replacement, prefix, replacement, signed_leaves};
use super::read::{ObjectLines, Signed, computed, last_erasure, read_lines};
use super::{Archive, ArchiveError, Line};

/// Objects that one process is in, at the most: the broker names no more.
const PLACES_MAX: usize = 1000;

/// The work of one call of `erase`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EraseReport {
    /// Processes whose bytes are gone from the archive, by this call or an earlier one.
    pub erased: u64,
    /// Objects that were written anew.
    pub objects: u64,
    /// Processes that the broker has, too: delete them there.
    pub in_broker: Vec<Uuid>,
}

impl Archive {
    /// Drops the bytes of processes from their objects. Everything else of an object stays, and still verifies.
    ///
    /// # Errors
    ///
    /// A process that is in no object; an object that is missing or damaged, or whose manifest another key signed. What is erased by then
    /// stays erased, and the next call goes on.
    pub async fn erase(
        &self,
        process_ids: &[Uuid],
        reason: &str,
        stop: &CancellationToken,
    ) -> Result<EraseReport, ArchiveError> {
        let mut report = EraseReport::default();
        let mut objects: BTreeMap<i64, (Signed, BTreeSet<usize>)> = BTreeMap::new();
        for process_id in process_ids {
            for place in self.places(*process_id).await? {
                let manifest = envelope_from_proto(&place.manifest.unwrap_or_default())?;
                // The tombstone must be by the signer of the manifest.
                let signed = Signed::open(&self.client.colony(), Some(&self.client.id()), &manifest)?;
                let line = usize::try_from(place.line).unwrap_or(usize::MAX);
                objects.entry(signed.manifest.number).or_insert_with(|| (signed, BTreeSet::new())).1.insert(line);
            }
        }
        for (signed, lines) in objects.into_values() {
            if stop.is_cancelled() {
                return Err(ArchiveError::Cancelled);
            }
            self.erase_lines(&signed, &lines, reason, &mut report).await?;
        }
        report.erased = u64::try_from(process_ids.iter().collect::<BTreeSet<_>>().len()).unwrap_or(u64::MAX);
        for process_id in process_ids {
            match self.client.get_process(*process_id).await {
                Ok(_) => report.in_broker.push(*process_id),
                Err(error) if error.is(&Reason::Archived) || error.is(&Reason::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(report)
    }

    /// Returns every object that a process is in: it may have been archived, redriven, and archived again.
    async fn places(&self, process_id: Uuid) -> Result<Vec<v1::ArchivePlace>, ArchiveError> {
        let v1::FindArchiveResponse { object, line, manifest, mut earlier } =
            self.client.find_archive(process_id).await?;
        if earlier.len() >= PLACES_MAX - 1 {
            return Err(ArchiveError::Invalid(format!(
                "process {process_id} is in {PLACES_MAX} objects or more: not all are known"
            )));
        }
        earlier.push(v1::ArchivePlace { object, line, manifest });
        Ok(earlier)
    }

    async fn erase_lines(
        &self,
        signed: &Signed,
        wanted: &BTreeSet<usize>,
        reason: &str,
        report: &mut EraseReport,
    ) -> Result<(), ArchiveError> {
        let manifest = &signed.manifest;
        // An earlier call may have died after it wrote the tombstone.
        let last = last_erasure(&*self.objects, signed).await?;
        let is_erased = |line: &usize| {
            let is_line = |one: &ErasedLine| usize::try_from(one.line) == Ok(*line);
            last.as_ref().is_some_and(|last| last.erased.iter().any(is_line))
        };
        if let Some(last) = last.as_ref().filter(|_| wanted.iter().all(is_erased)) {
            let leaves = self.check_replacement(signed, last).await?;
            return self.delete_others(signed, last, leaves).await;
        }
        let ObjectLines { lines, .. } = read_lines(&*self.objects, signed).await?;
        let mut erased = last.as_ref().map(|last| last.erased.clone()).unwrap_or_default();
        let mut left = lines;
        for one in &erased {
            clear(&mut left, one.line);
        }
        for at in wanted.iter().filter(|line| !is_erased(line)) {
            erased.push(tombstone(*at, left.get(*at))?);
            clear(&mut left, u64::try_from(*at).unwrap_or(u64::MAX));
        }
        erased.sort_by_key(|one| one.line);
        let (of, signer) = (manifest.clone(), self.client.id());
        let (name, bytes, sha256, line_bytes) = computed(move || replacement(&of, &signer, &left)).await?;
        let erasure = ArchiveErasure {
            colony: manifest.colony,
            manifest: signed.envelope.digest(),
            number: last.map_or(1, |last| last.number.saturating_add(1)),
            replacement: name.clone(),
            replacement_sha256: sha256,
            line_bytes,
            erased,
            reason: reason.to_owned(),
            erased_at: self.client.clock().now(),
        };
        self.objects.put_new(&name, bytes).await?;
        let envelope =
            self.client.seal(&erasure).map_err(|error| ArchiveError::Invalid(format!("the erasure: {error}")))?;
        self.objects.put_new(&erasure_name(&manifest.object, erasure.number), envelope.to_json().into()).await?;
        if last_erasure(&*self.objects, signed).await?.as_ref() != Some(&erasure) {
            return Err(ArchiveError::Damaged(format!("the erasure of {:?} is not what was written", manifest.object)));
        }
        let leaves = self.check_replacement(signed, &erasure).await?;
        report.objects += 1;
        self.delete_others(signed, &erasure, leaves).await
    }

    /// Reads a replacement back, and checks it; returns the digests that the object was signed over.
    async fn check_replacement(
        &self,
        signed: &Signed,
        erasure: &ArchiveErasure,
    ) -> Result<Arc<[Digest]>, ArchiveError> {
        let bytes = self.objects.get(&erasure.replacement).await?;
        let bytes = bytes.ok_or_else(|| ArchiveError::Missing(erasure.replacement.clone()))?;
        let (manifest, erasure) = (signed.manifest.clone(), erasure.clone());
        computed(move || {
            let lines = open_replacement(&manifest, &erasure, &bytes)?;
            Ok(signed_leaves(&lines, &erasure.erased).into())
        })
        .await
    }

    /// Deletes the object as it was, and the replacements before this one. A file of the object's number is deleted only if each of its
    /// lines is what this bee signed for that place: nothing else is proved to be its own.
    async fn delete_others(
        &self,
        signed: &Signed,
        erasure: &ArchiveErasure,
        leaves: Arc<[Digest]>,
    ) -> Result<(), ArchiveError> {
        let beginning = prefix(&signed.manifest.colony, signed.manifest.number);
        let names = self.objects.list(&folder(&signed.manifest.colony), &beginning).await?;
        let objects = names.into_iter().filter(|name| name.starts_with(&beginning) && name.ends_with(".jsonl.zst"));
        for name in objects.filter(|name| *name != erasure.replacement) {
            let bytes = match self.objects.get(&name).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) | Err(ArchiveError::Damaged(_)) => continue,
                Err(error) => return Err(error),
            };
            let leaves = leaves.clone();
            if computed(move || Ok(is_form_of(&bytes, &leaves))).await? {
                self.objects.delete(&name).await?;
            }
        }
        Ok(())
    }
}

fn clear(lines: &mut [Option<Bytes>], at: u64) {
    if let Some(line) = usize::try_from(at).ok().and_then(|at| lines.get_mut(at)) {
        *line = None;
    }
}

fn tombstone(at: usize, line: Option<&Option<Bytes>>) -> Result<ErasedLine, ArchiveError> {
    let line =
        line.and_then(Option::as_ref).ok_or_else(|| ArchiveError::Damaged(format!("the object has no line {at}")))?;
    let leaf: Digest = leaf(line);
    let process_id = Line::read(line)?.process_id()?;
    Ok(ErasedLine { line: u64::try_from(at).unwrap_or(u64::MAX), process_id, leaf })
}
