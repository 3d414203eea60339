//! `restore` and `retention_enforce`.

use std::time::Duration;

use apiary_executor_sdk::CancellationToken;
use apiary_executor_sdk::wire::envelope_from_proto;
use apiary_identity::Envelope;
use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

use super::object::manifest_name;
use super::read::{Signed, read_lines, read_process};
use super::{Archive, ArchiveError, Line};

/// Bytes of lines that are put back in one call.
const CALL_BYTES: usize = 4 * 1024 * 1024;
/// Processes that are put back in one call.
const CALL_PROCESSES: usize = 200;

/// The work of one call of `restore`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RestoreReport {
    /// Processes that were put back.
    pub restored: i64,
    /// Processes that were there.
    pub there: i64,
    /// Processes that were erased.
    pub erased: i64,
}

impl Archive {
    /// Puts one process back, from the object that the broker names.
    ///
    /// # Errors
    ///
    /// A process that is in no object, or whose signatures do not hold; an object that is missing or damaged.
    pub async fn restore_process(&self, process_id: Uuid, keep: Duration) -> Result<RestoreReport, ArchiveError> {
        let place = self.client.find_archive(process_id).await?;
        let line = read_process(&*self.objects, &self.client.colony(), process_id, &place).await?;
        line.verify(&self.client.colony())?;
        let restored = self.client.restore(vec![line.to_finished()?], keep).await?;
        Ok(RestoreReport { restored, there: 1 - restored, erased: 0 })
    }

    /// Puts back all processes of an object.
    ///
    /// # Errors
    ///
    /// The first process whose signatures do not hold, before anything is put back; an object that is missing or damaged.
    pub async fn restore_object(
        &self,
        object: &str,
        keep: Duration,
        stop: &CancellationToken,
    ) -> Result<RestoreReport, ArchiveError> {
        let signed = self.manifest(object).await?;
        let all = read_lines(&*self.objects, &signed).await?.lines;
        let lines: Vec<&Bytes> = all.iter().flatten().collect();
        for line in &lines {
            Line::read(line)?.verify(&self.client.colony())?;
        }
        let erased = i64::try_from(all.len() - lines.len()).unwrap_or(i64::MAX);
        let mut report = RestoreReport { erased, ..RestoreReport::default() };
        let mut rest = &lines[..];
        while !rest.is_empty() {
            if stop.is_cancelled() {
                return Err(ArchiveError::Cancelled);
            }
            let (batch, after) = rest.split_at(one_call(rest));
            let processes = batch.iter().map(|line| Line::read(line)?.to_finished()).collect::<Result<Vec<_>, _>>()?;
            let restored = self.client.restore(processes, keep).await?;
            report.restored += restored;
            report.there += i64::try_from(batch.len()).unwrap_or(i64::MAX) - restored;
            rest = after;
        }
        Ok(report)
    }

    /// Lets the broker delete what is archived and past its retention; returns how many processes it deleted.
    ///
    /// # Errors
    ///
    /// The broker's refusal.
    pub async fn retention_enforce(&self, say: impl Fn(i64), stop: &CancellationToken) -> Result<i64, ArchiveError> {
        let mut deleted = 0;
        loop {
            if stop.is_cancelled() {
                return Err(ArchiveError::Cancelled);
            }
            let turn = self.client.enforce_retention().await?;
            deleted += turn.deleted;
            say(deleted);
            if !turn.is_more {
                return Ok(deleted);
            }
            if turn.deleted == 0 {
                // Another broker deletes at this moment.
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }

    /// Reads the manifest of an object from the storage. Whoever signed it needs the broker's word to be believed: the processes are
    /// verified one by one.
    pub(super) async fn manifest(&self, object: &str) -> Result<Signed, ArchiveError> {
        let name = manifest_name(object);
        let bytes = self.objects.get(&name).await?.ok_or_else(|| ArchiveError::Missing(name.clone()))?;
        let envelope =
            Envelope::from_json(&bytes).map_err(|error| ArchiveError::Damaged(format!("{name:?}: {error}")))?;
        let signed = Signed::open(&self.client.colony(), None, &envelope)?;
        match signed.manifest.object == object {
            true => Ok(signed),
            false => Err(ArchiveError::Damaged(format!("{name:?} is of the object {:?}", signed.manifest.object))),
        }
    }

    /// Reads the broker's manifests, a page after a number.
    pub(super) async fn recorded(&self, after: i64) -> Result<(Vec<(Envelope, i64)>, bool), ArchiveError> {
        let page = self.client.list_archives(after, 200).await?;
        let mut recorded = Vec::with_capacity(page.archives.len());
        for archive in page.archives {
            let manifest = archive.manifest.unwrap_or_default();
            recorded.push((envelope_from_proto(&manifest)?, archive.recorded));
        }
        Ok((recorded, page.is_more))
    }
}

/// Returns the number of lines that one call puts back, at least one.
fn one_call(lines: &[&Bytes]) -> usize {
    let mut bytes = 0;
    let fits = lines.iter().take(CALL_PROCESSES).take_while(|line| {
        bytes += line.len();
        bytes <= CALL_BYTES
    });
    fits.count().max(1)
}
