//! `compliance_check`: the storage has what the broker says, and the broker deleted nothing else.

use std::collections::HashSet;

use apiary_executor_sdk::{CancellationToken, v1};
use apiary_identity::{Digest, Envelope};
use serde::Serialize;

use super::object::{erasure_prefix, folder, manifest_name};
use super::read::{Signed, read_lines};
use super::{Archive, ArchiveError, Line};

/// Faults that are named; more are counted.
const FAULTS_NAMED: usize = 100;

/// The findings of one check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Objects that were checked.
    pub objects: u64,
    /// Processes in them, each verified up to the colony's key.
    pub processes: u64,
    /// Processes that were erased from them.
    pub erased: u64,
    /// Bytes of the objects.
    pub bytes: u64,
    /// True if nothing is at fault.
    pub is_good: bool,
    /// Number of faults.
    pub faults: u64,
    /// The faults, at most a hundred.
    pub named: Vec<String>,
    /// Processes that finished before the end of the archive and are in no object, on the first page: retention keeps them.
    pub unarchived: u64,
    /// Objects in the storage that the broker does not know: of a call that ended before it recorded them, or of nobody's.
    pub unrecorded: Vec<String>,
}

impl CheckReport {
    fn fault(&mut self, words: String) {
        self.faults += 1;
        if self.named.len() < FAULTS_NAMED {
            self.named.push(words);
        }
    }
}

/// The chain so far.
#[derive(Default)]
struct Chain {
    number: i64,
    last: Option<Digest>,
    names: HashSet<String>,
    /// Beginnings of the names of erasures.
    prefixes: Vec<String>,
}

impl Archive {
    /// Checks every object that the broker has recorded. `say` hears of each.
    ///
    /// # Errors
    ///
    /// A broker or storage that is away. What is damaged or missing is a finding.
    pub async fn compliance_check(
        &self,
        say: impl Fn(&CheckReport),
        stop: &CancellationToken,
    ) -> Result<CheckReport, ArchiveError> {
        let (mut report, mut chain) = (CheckReport::default(), Chain::default());
        loop {
            let (recorded, is_more) = self.recorded(chain.number).await?;
            for (envelope, count) in &recorded {
                if stop.is_cancelled() {
                    return Err(ArchiveError::Cancelled);
                }
                self.check_object(envelope, *count, &mut chain, &mut report).await?;
                say(&report);
            }
            if !is_more || recorded.is_empty() {
                break;
            }
        }
        let names = self.objects.list(&folder(&self.client.colony()), "").await?;
        let is_known = |name: &String| {
            let is_erasure = |prefix: &String| name.starts_with(prefix);
            chain.names.contains(name) || name.contains(".erasure-") && chain.prefixes.iter().any(is_erasure)
        };
        report.unrecorded = names.into_iter().filter(|name| !is_known(name)).collect();
        report.unrecorded.sort_unstable();
        report.unrecorded.truncate(FAULTS_NAMED);
        report.unarchived = self.unarchived().await?;
        report.is_good = report.faults == 0;
        Ok(report)
    }

    async fn check_object(
        &self,
        envelope: &Envelope,
        recorded: i64,
        chain: &mut Chain,
        report: &mut CheckReport,
    ) -> Result<(), ArchiveError> {
        report.objects += 1;
        let (number, previous) = (chain.number + 1, chain.last.replace(envelope.digest()));
        chain.number = number;
        let signed = match Signed::open(&self.client.colony(), None, envelope) {
            Ok(signed) => signed,
            Err(error) => {
                report.fault(format!("object {number}: {error}"));
                return Ok(());
            }
        };
        let manifest = &signed.manifest;
        if manifest.number != number || manifest.previous != previous {
            report.fault(format!("object {number}: the chain of manifests is broken"));
        }
        if u64::try_from(recorded).map_or(true, |recorded| recorded > manifest.processes) {
            report.fault(format!(
                "object {number}: {recorded} processes are recorded, and the manifest has {}",
                manifest.processes
            ));
        }
        let name = manifest_name(&manifest.object);
        chain.names.extend([name.clone(), manifest.object.clone()]);
        match self.objects.get(&name).await {
            Ok(Some(bytes)) if Envelope::from_json(&bytes).is_ok_and(|stored| stored == *envelope) => {}
            Ok(Some(_)) | Err(ArchiveError::Damaged(_)) => {
                report.fault(format!("object {number}: {name:?} is not what the broker recorded"))
            }
            Ok(None) => report.fault(format!("object {number}: {name:?} is missing")),
            Err(error) => return Err(error),
        }
        chain.prefixes.push(erasure_prefix(&manifest.object));
        let replacement = self.check_lines(number, &signed, report).await?;
        chain.names.extend(replacement);
        Ok(())
    }

    /// Checks each process of an object; returns the name of the object's replacement after an erasure.
    async fn check_lines(
        &self,
        number: i64,
        signed: &Signed,
        report: &mut CheckReport,
    ) -> Result<Option<String>, ArchiveError> {
        let read = match read_lines(&*self.objects, signed).await {
            Ok(read) => read,
            Err(error @ (ArchiveError::Damaged(_) | ArchiveError::Missing(_))) => {
                report.fault(format!("object {number}: {error}"));
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        report.bytes += signed.manifest.object_bytes;
        for (at, line) in read.lines.iter().enumerate() {
            let Some(line) = line else {
                report.erased += 1;
                continue;
            };
            report.processes += 1;
            if let Err(error) = Line::read(line).and_then(|line| line.verify(&self.client.colony())) {
                report.fault(format!("object {number}, line {at}: {error}"));
            }
        }
        Ok(read.erasure.map(|erasure| erasure.replacement))
    }

    /// Counts processes before the end of the archive that are in no object, on one page.
    async fn unarchived(&self) -> Result<u64, ArchiveError> {
        let end = self.client.start_archive().await?;
        let until_ms = end.from_ms.saturating_sub(1);
        let request = v1::ListUnarchivedRequest { from_ms: 0, until_ms, page_size: 1000, ..Default::default() };
        let page = self.client.list_unarchived(request).await?;
        Ok(u64::try_from(page.processes.len() + page.oversized.len()).unwrap_or(u64::MAX))
    }
}
