//! `archive_data`: finished processes become objects.

use std::sync::Arc;
use std::time::Duration;

use apiary_executor_sdk::wire::envelope_to_proto;
use apiary_executor_sdk::{CancellationToken, Client, v1};
use apiary_identity::limits::ARCHIVE_PROCESSES_MAX;
use apiary_identity::{Digest, Envelope};
use bytes::Bytes;
use serde::Serialize;

use super::object::{Lines, NewObject, folder, manifest_name, prefix};
use super::read::{Signed, computed, read_lines};
use super::{ArchiveError, Line, Objects};

/// Bytes of lines after which an object is full. One process more may fit. All of it is in memory, twice while it is read back.
const OBJECT_BYTES: usize = 4 * 1024 * 1024;
/// Processes of a page.
const PAGE_SIZE: i32 = 100;
/// The time before the end of the archive from which stragglers are looked for, in milliseconds: a slow commit, or a broker whose clock is
/// late, may have finished them there since.
const STRAGGLERS_MS: i64 = 3_600_000;

/// The archive of a colony: the broker on one side, the storage on the other.
pub struct Archive {
    pub(super) client: Client,
    pub(super) objects: Arc<dyn Objects>,
    /// The time for which a process is finished before it is archived; `None` for ever.
    pub(super) after: Option<Duration>,
}

/// The work of one call of `archive_data`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ArchiveReport {
    /// Objects written and recorded.
    pub objects: u64,
    /// Objects of an earlier call, which ended before it recorded them.
    pub adopted: u64,
    /// Processes in them.
    pub processes: u64,
    /// Processes of them that may leave the broker now.
    pub recorded: i64,
    /// Bytes of the objects.
    pub bytes: u64,
    /// Processes that are too large, and stay in the broker; at most a hundred are named.
    pub oversized: Vec<String>,
}

/// The end of the archive, as the broker has it.
struct End {
    number: i64,
    previous: Option<Digest>,
    from_ms: i64,
}

impl Archive {
    /// Opens an archive.
    pub fn new(client: Client, objects: Arc<dyn Objects>, after: Option<Duration>) -> Self {
        Self { client, objects, after }
    }

    /// Archives what has been finished for long enough, object by object. `say` hears of each.
    ///
    /// # Errors
    ///
    /// Finished steps stay done, and the next call goes on behind them.
    pub async fn archive_data(
        &self,
        say: impl Fn(&ArchiveReport),
        stop: &CancellationToken,
    ) -> Result<ArchiveReport, ArchiveError> {
        let mut report = ArchiveReport::default();
        let Some(after) = self.after else { return Ok(report) };
        let after_ms = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
        // By the broker's clock, which says when processes finish.
        let until_ms = self.client.start_archive().await?.now_ms.saturating_sub(after_ms);
        loop {
            if stop.is_cancelled() {
                return Err(ArchiveError::Cancelled);
            }
            let end = self.end().await?;
            if let Some(recorded) = self.adopt(&end, &mut report).await? {
                report.adopted += 1;
                report.recorded += recorded;
                continue;
            }
            let (lines, is_last) = self.gather(&end, until_ms, &mut report).await?;
            if lines.count() == 0 {
                return Ok(report);
            }
            // What finished in the same millisecond as the last may be in the next object: stragglers are looked for.
            let read_ms = if is_last { until_ms.max(lines.last_ms()) } else { lines.last_ms() };
            report.recorded += self.store(&end, lines, read_ms, &mut report).await?;
            report.objects += 1;
            say(&report);
            if is_last {
                return Ok(report);
            }
        }
    }

    async fn end(&self) -> Result<End, ArchiveError> {
        let end = self.client.start_archive().await?;
        let previous = match end.last_digest.as_str() {
            "" => None,
            text => Some(digest(text)?),
        };
        Ok(End { number: end.next_number, previous, from_ms: end.from_ms })
    }

    /// Records an object that an earlier call wrote whole, but did not record.
    async fn adopt(&self, end: &End, report: &mut ArchiveReport) -> Result<Option<i64>, ArchiveError> {
        let colony = self.client.colony();
        let prefix = prefix(&colony, end.number);
        let mut names = self.objects.list(&folder(&colony), &prefix).await?;
        names.retain(|name| name.starts_with(&prefix) && name.ends_with(".manifest.json"));
        names.sort_unstable();
        for name in names {
            let Some(bytes) = self.objects.get(&name).await? else { continue };
            // Another bee's, or damaged: it is left alone, and `compliance_check` names it.
            let Ok(envelope) = Envelope::from_json(&bytes) else { continue };
            let Ok(signed) = Signed::open(&colony, Some(&self.client.id()), &envelope) else { continue };
            let manifest = &signed.manifest;
            if manifest.previous != end.previous
                || manifest.number != end.number
                || manifest_name(&manifest.object) != name
            {
                continue;
            }
            match self.whole_lines(&signed).await {
                Ok(lines) => {
                    report.processes += manifest.processes;
                    report.bytes += manifest.object_bytes;
                    return self.record(&envelope, &lines).await.map(Some);
                }
                Err(ArchiveError::Damaged(_) | ArchiveError::Missing(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Reads finished processes until an object is full; true if there are no more.
    async fn gather(
        &self,
        end: &End,
        until_ms: i64,
        report: &mut ArchiveReport,
    ) -> Result<(Lines, bool), ArchiveError> {
        let mut lines = Lines::default();
        let mut page_token = String::new();
        let most = usize::try_from(ARCHIVE_PROCESSES_MAX).unwrap_or(usize::MAX);
        loop {
            let request = v1::ListUnarchivedRequest {
                from_ms: end.from_ms.saturating_sub(STRAGGLERS_MS),
                until_ms,
                page_size: PAGE_SIZE,
                page_token,
            };
            let page = self.client.list_unarchived(request).await?;
            report.oversized.extend(page.oversized.into_iter().take(100_usize.saturating_sub(report.oversized.len())));
            for process in &page.processes {
                if lines.bytes() >= OBJECT_BYTES || lines.count() >= most {
                    return Ok((lines, false));
                }
                let line = Line::new(self.client.colony(), process)?;
                lines.add(&line.to_bytes()?, line.finished_at_ms());
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok((lines, true));
            }
        }
    }

    /// Stores an object and its manifest, reads both back, and records it.
    async fn store(
        &self,
        end: &End,
        lines: Lines,
        until_ms: i64,
        report: &mut ArchiveReport,
    ) -> Result<i64, ArchiveError> {
        let (colony, signer, number, previous) = (self.client.colony(), self.client.id(), end.number, end.previous);
        let made = computed(move || lines.finish(colony, &signer, number, previous, until_ms)).await;
        let NewObject { manifest, bytes } = made?;
        report.processes += manifest.processes;
        report.bytes += manifest.object_bytes;
        self.objects.put_new(&manifest.object, bytes).await?;
        let envelope =
            self.client.seal(&manifest).map_err(|error| ArchiveError::Damaged(format!("the manifest: {error}")))?;
        self.objects.put_new(&manifest_name(&manifest.object), envelope.to_json().into()).await?;
        let lines = self.read_back(Signed { envelope: envelope.clone(), manifest }).await?;
        self.record(&envelope, &lines).await
    }

    /// Reads a stored object and its manifest back, and checks both.
    async fn read_back(&self, signed: Signed) -> Result<Vec<Bytes>, ArchiveError> {
        let name = manifest_name(&signed.manifest.object);
        let stored = self.objects.get(&name).await?.ok_or_else(|| ArchiveError::Missing(name.clone()))?;
        let stored =
            Envelope::from_json(&stored).map_err(|error| ArchiveError::Damaged(format!("{name:?}: {error}")))?;
        if stored != signed.envelope {
            return Err(ArchiveError::Damaged(format!("{name:?} is not what was written")));
        }
        self.whole_lines(&signed).await
    }

    /// Reads the lines of an object that is not recorded: nothing of it can be erased.
    async fn whole_lines(&self, signed: &Signed) -> Result<Vec<Bytes>, ArchiveError> {
        let lines = read_lines(&*self.objects, signed).await?.lines.into_iter().collect::<Option<Vec<_>>>();
        lines.ok_or_else(|| {
            ArchiveError::Damaged(format!("the object {:?} is erased, and not recorded", signed.manifest.object))
        })
    }

    /// Tells the broker what is in an object, from the lines that were read back.
    async fn record(&self, envelope: &Envelope, lines: &[Bytes]) -> Result<i64, ArchiveError> {
        let (mut process_ids, mut finished_at_ms) =
            (Vec::with_capacity(lines.len() * 16), Vec::with_capacity(lines.len()));
        for line in lines {
            let line = Line::read(line)?;
            process_ids.extend_from_slice(line.process_id()?.as_bytes());
            finished_at_ms.push(line.finished_at_ms());
        }
        let manifest = Some(envelope_to_proto(envelope));
        let request = v1::AddArchiveRequest { manifest, process_ids, finished_at_ms };
        Ok(self.client.add_archive(request).await?.recorded)
    }
}

fn digest(text: &str) -> Result<Digest, ArchiveError> {
    let read = serde_json::from_value(serde_json::Value::String(text.to_owned()));
    read.map_err(|_| ArchiveError::Damaged(format!("the broker's digest {text:?} is none")))
}
