//! `ArchiveService`.

use apiary_identity::{ArchiveManifest, Document as _, Envelope, Progress, Revocation};
use apiary_proto::v1 as pb;
use apiary_proto::v1::archive_service_server::ArchiveService;
use apiary_store::model::{
    Attempt, Attribute, FinishedCursor, FinishedProcess, FinishedProgress, GrantKey, LogCursor, LogLine, Page,
    StoredArchive,
};
use bytes::Bytes;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::routes::caller;
use super::status::refused;
use super::{Rpc, decode, encode, running};
use crate::Error;
use crate::engine::{ArchiveEnd, NewObject, RestoredAttempt, RestoredProcess, UnarchivedPage, UnarchivedProcess};
use crate::limits::{LOG_TIME_MS_MAX, RESTORE_KEEP_MS_MAX, RESTORE_PROCESSES_MAX};

#[tonic::async_trait]
impl ArchiveService for Rpc {
    async fn start_archive(
        &self,
        request: Request<pb::StartArchiveRequest>,
    ) -> Result<Response<pb::StartArchiveResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let end = self.engine.start_archive(permit).await.map_err(refused)?;
        let ArchiveEnd { next_number, last_digest, from_ms, now_ms } = end;
        Ok(Response::new(pb::StartArchiveResponse { next_number, last_digest, from_ms, now_ms }))
    }

    async fn list_unarchived(
        &self,
        request: Request<pb::ListUnarchivedRequest>,
    ) -> Result<Response<pb::ListUnarchivedResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let request = request.into_inner();
        let page = finished_page(request.page_size, &request.page_token).map_err(refused)?;
        let (from_ms, until_ms) = (request.from_ms.max(0), request.until_ms);
        let page = self.engine.list_unarchived(permit, from_ms, until_ms, page).await.map_err(refused)?;
        Ok(Response::new(unarchived_page(page)))
    }

    async fn add_archive(
        &self,
        request: Request<pb::AddArchiveRequest>,
    ) -> Result<Response<pb::AddArchiveResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let object = new_object(request.into_inner()).map_err(refused)?;
        let recorded = self.engine.add_archive(permit, object).await.map_err(refused)?;
        Ok(Response::new(pb::AddArchiveResponse { recorded }))
    }

    async fn find_archive(
        &self,
        request: Request<pb::FindArchiveRequest>,
    ) -> Result<Response<pb::FindArchiveResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let process_id = decode::process_id(&request.into_inner().process_id).map_err(refused)?;
        let found = self.engine.find_archive(permit, process_id).await.map_err(refused)?;
        let mut places = found.into_iter().map(|(archive, line)| {
            let (object, manifest) = (archive.object.clone(), Some(manifest(archive)));
            pb::ArchivePlace { object, line, manifest }
        });
        let pb::ArchivePlace { object, line, manifest } = places.next().unwrap_or_default();
        Ok(Response::new(pb::FindArchiveResponse { object, line, manifest, earlier: places.collect() }))
    }

    async fn list_archives(
        &self,
        request: Request<pb::ListArchivesRequest>,
    ) -> Result<Response<pb::ListArchivesResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let request = request.into_inner();
        let size = decode::page_size(request.page_size).map_err(refused)?;
        let (archives, is_more) = self.engine.list_archives(permit, request.after, size).await.map_err(refused)?;
        let archive = |archive: StoredArchive| {
            let (number, recorded) = (archive.number, archive.recorded);
            pb::Archive { number, recorded, manifest: Some(manifest(archive)) }
        };
        Ok(Response::new(pb::ListArchivesResponse { archives: archives.into_iter().map(archive).collect(), is_more }))
    }

    async fn restore(&self, request: Request<pb::RestoreRequest>) -> Result<Response<pb::RestoreResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let request = request.into_inner();
        let keep_ms = keep_ms(request.keep_ms).map_err(refused)?;
        if !(1..=RESTORE_PROCESSES_MAX).contains(&request.processes.len()) {
            return Err(refused(Error::field("processes", format!("has 1 to {RESTORE_PROCESSES_MAX}"))));
        }
        let processes = request.processes.into_iter().map(restored).collect::<Result<Vec<_>, _>>().map_err(refused)?;
        let restored = self.engine.restore(permit, processes, keep_ms).await.map_err(refused)?;
        Ok(Response::new(pb::RestoreResponse { restored }))
    }

    async fn enforce_retention(
        &self,
        request: Request<pb::EnforceRetentionRequest>,
    ) -> Result<Response<pb::EnforceRetentionResponse>, Status> {
        let permit = self.auth.permit(&caller(&request)?).await.map_err(refused)?;
        let turn = self.engine.enforce_retention(permit).await.map_err(refused)?;
        Ok(Response::new(pb::EnforceRetentionResponse { deleted: turn.deleted, is_more: turn.is_more }))
    }
}

fn manifest(archive: StoredArchive) -> pb::Envelope {
    let signer = encode::key(&archive.signer);
    encode::signed(ArchiveManifest::PAYLOAD_TYPE, archive.payload, signer, archive.signature)
}

/// Decodes a page; the token is the end and the id of the last process.
fn finished_page(size: i32, token: &str) -> Result<Page<FinishedCursor>, Error> {
    decode::page(size, token, |token| {
        let (finished_at_ms, process_id) = token.split_once(' ')?;
        Some(FinishedCursor { finished_at_ms: finished_at_ms.parse().ok()?, process_id: process_id.parse().ok()? })
    })
}

fn unarchived_page(page: UnarchivedPage) -> pb::ListUnarchivedResponse {
    let token = page.next.map(|cursor| format!("{} {}", cursor.finished_at_ms, cursor.process_id));
    pb::ListUnarchivedResponse {
        processes: page.processes.into_iter().map(unarchived).collect(),
        next_page_token: token.unwrap_or_default(),
        oversized: page.oversized.iter().map(Uuid::to_string).collect(),
    }
}

fn unarchived(unarchived: UnarchivedProcess) -> pb::FinishedProcess {
    let UnarchivedProcess { process, summary, grants, revocations } = unarchived;
    let grant = |key: GrantKey| grants.get(&key).map(|grant| &**grant);
    let signer = |attempt| process.executor(attempt).and_then(grant).map(encode::grantee).unwrap_or_default();
    let progress = process.progress.as_ref().map(|last| {
        let document = |attempt, payload: &Bytes, signature: &[u8]| {
            encode::signed(Progress::PAYLOAD_TYPE, payload.clone(), signer(attempt), signature.to_vec())
        };
        let checkpoint = last.checkpoint.as_ref();
        pb::FinishedProgress {
            document: Some(document(last.attempt, &last.document.0, &last.document.1)),
            attempt: last.attempt,
            number: last.number,
            reported_at_ms: last.reported_at_ms,
            percent: last.percent,
            message: last.message.clone(),
            checkpoint: checkpoint.map(|(attempt, payload, signature)| document(*attempt, payload, signature)),
            checkpoint_attempt: checkpoint.map_or(0, |(attempt, ..)| *attempt),
        }
    });
    let submitter = grant(process.submitter);
    let colony = submitter.map(|grant| encode::key(&grant.colony_id)).unwrap_or_default();
    let revoked = |(payload, signature)| encode::signed(Revocation::PAYLOAD_TYPE, payload, colony.clone(), signature);
    pb::FinishedProcess {
        process: Some(encode::process(summary)),
        spec: Some(encode::spec(process.payload.clone(), submitter, process.signature.clone())),
        submitter_grant: submitter.map(encode::grant),
        priority_time_us: process.priority_time_us,
        replaced_by: process.replaced_by.map(|id| id.to_string()).unwrap_or_default(),
        own_reason: process.reason.clone(),
        progress,
        revocations: revocations.into_iter().map(revoked).collect(),
        attempts: process
            .attempts
            .into_iter()
            .map(|one| (grant(one.executor), one))
            .map(|(by, one)| encode::attempt(one, by))
            .collect(),
        attributes: process.attributes.into_iter().map(running::attribute).collect(),
        logs: process.logs.into_iter().map(running::kept_line).collect(),
    }
}

fn new_object(request: pb::AddArchiveRequest) -> Result<NewObject, Error> {
    let manifest = decode::envelope("manifest", request.manifest)?;
    let (ids, rest) = request.process_ids.as_chunks::<16>();
    if !rest.is_empty() || ids.len() != request.finished_at_ms.len() {
        return Err(Error::field("process_ids", "has 16 bytes for each time in `finished_at_ms`"));
    }
    let processes = ids.iter().zip(request.finished_at_ms);
    let cursor =
        |(id, finished_at_ms): (&[u8; 16], i64)| FinishedCursor { finished_at_ms, process_id: Uuid::from_bytes(*id) };
    Ok(NewObject { manifest, processes: processes.map(cursor).collect() })
}

fn keep_ms(ms: i64) -> Result<i64, Error> {
    match ms {
        ms if (0..=RESTORE_KEEP_MS_MAX).contains(&ms) => Ok(ms),
        ms => Err(Error::field("keep_ms", format!("is 0 to {RESTORE_KEEP_MS_MAX}; got {ms}"))),
    }
}

/// Decodes a process to put back.
fn restored(finished: pb::FinishedProcess) -> Result<RestoredProcess, Error> {
    let shown = finished.process.ok_or_else(|| Error::field("processes.process", "is missing"))?;
    let (spec, submitter) = (
        decode::envelope("processes.spec", finished.spec)?,
        decode::envelope("processes.submitter_grant", finished.submitter_grant)?,
    );
    let state = decode::process_state(shown.state)?;
    let (mut attempts, mut signed) = (Vec::new(), Vec::new());
    for attempt in finished.attempts {
        let grant = decode::envelope("processes.attempts.executor_grant", attempt.executor_grant)?;
        let result =
            attempt.result.map(|result| decode::envelope("processes.attempts.result", Some(result))).transpose()?;
        attempts.push(Attempt {
            attempt: attempt.attempt,
            executor: GrantKey(0),
            claimed_at_ms: moment("claimed_at_ms", attempt.claimed_at_ms)?,
            ended_at_ms: Some(moment("ended_at_ms", attempt.ended_at_ms)?),
            ending: decode::reason(attempt.outcome)?,
            reason: text(attempt.reason)?,
            result: result.as_ref().map(parts),
        });
        signed.push(RestoredAttempt { grant, result });
    }
    let process_id = decode::process_id(&shown.process_id)?;
    let progress = finished.progress.map(finished_progress).transpose()?;
    let (progress, document, checkpoint) = match progress {
        Some((progress, document, checkpoint)) => (Some(progress), Some(document), checkpoint),
        None => (None, None, None),
    };
    let process = FinishedProcess {
        process_id,
        submitter: GrantKey(0),
        submitted_at_ms: moment("submitted_at_ms", shown.submitted_at_ms)?,
        priority_time_us: finished.priority_time_us,
        payload: spec.payload.clone(),
        signature: spec.signature.as_bytes().to_vec(),
        finished_at_ms: moment("state_since_ms", shown.state_since_ms)?,
        state,
        attempt: shown.attempt,
        retries_spent: shown.retries_spent,
        reason: finished.own_reason.map(decode::reason).transpose()?,
        ended_by: decode::exact("ended_by", shown.ended_by)?,
        replaced_by: match finished.replaced_by.as_str() {
            "" => None,
            id => Some(decode::process_id(id)?),
        },
        attempts,
        progress,
        attributes: finished.attributes.into_iter().map(attribute).collect::<Result<_, _>>()?,
        logs: finished.logs.into_iter().map(|line| log_line(process_id, line)).collect::<Result<_, _>>()?,
    };
    Ok(RestoredProcess { process, spec, submitter, attempts: signed, progress: document, checkpoint })
}

fn finished_progress(last: pb::FinishedProgress) -> Result<(FinishedProgress, Envelope, Option<Envelope>), Error> {
    let document = decode::envelope("processes.progress.document", last.document)?;
    let checkpoint =
        last.checkpoint.map(|left| decode::envelope("processes.progress.checkpoint", Some(left))).transpose()?;
    let progress = FinishedProgress {
        attempt: last.attempt,
        number: last.number,
        reported_at_ms: moment("reported_at_ms", last.reported_at_ms)?,
        percent: last.percent.filter(|percent| percent.is_finite()),
        message: last.message.map(decode::reason).transpose()?,
        document: parts(&document),
        checkpoint: checkpoint
            .as_ref()
            .map(parts)
            .map(|(payload, signature)| (last.checkpoint_attempt, payload, signature)),
    };
    Ok((progress, document, checkpoint))
}

fn log_line(process_id: Uuid, line: pb::LogLine) -> Result<LogLine, Error> {
    let checked = running::log_line(pb::NewLogLine {
        time_ms: line.time_ms,
        level: line.level,
        message: line.message,
        fields: line.fields,
    })?;
    Ok(LogLine {
        line: LogCursor(line.line),
        process_id,
        attempt: line.attempt,
        executor: line.executor,
        time_ms: checked.time_ms,
        level: checked.level.as_str().to_owned(),
        message: checked.message,
        fields: checked.fields,
        is_hidden: false,
    })
}

fn attribute(attribute: pb::Attribute) -> Result<Attribute, Error> {
    let attempt = attribute.attempt;
    let checked =
        running::new_attribute(pb::NewAttribute { kind: attribute.kind, key: attribute.key, value: attribute.value })?;
    Ok(Attribute { kind: checked.kind.as_str().to_owned(), key: checked.key, value: checked.value, attempt })
}

fn parts(envelope: &Envelope) -> (Bytes, Vec<u8>) {
    (envelope.payload.clone(), envelope.signature.as_bytes().to_vec())
}

/// Returns words; `None` for none.
fn text(words: String) -> Result<Option<String>, Error> {
    Ok(Some(decode::reason(words)?).filter(|words| !words.is_empty()))
}

fn moment(field: &'static str, ms: i64) -> Result<i64, Error> {
    match ms {
        ms if (0..=LOG_TIME_MS_MAX).contains(&ms) => Ok(ms),
        ms => Err(Error::field(field, format!("is 0 to {LOG_TIME_MS_MAX}; got {ms}"))),
    }
}
