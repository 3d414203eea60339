//! Encoding and decoding of running processes' reports.

use apiary_proto::v1 as pb;
use apiary_store::limits::LOG_BYTES_MAX;
use apiary_store::model::{
    Attribute, AttributeKind, LogCursor, LogFilter, LogLevel, LogLine, NewAttribute, NewLogLine, ProcessSummary,
};
use futures::Stream;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tonic::Status;

use super::status::refused;
use super::{decode, encode};
use crate::Error;
use crate::engine::{LogOrder, LogPage, WatchEvent, WatchMessage};
use crate::limits::{
    ATTRIBUTE_KEY_CHARS_MAX, ATTRIBUTE_VALUE_BYTES_MAX, ATTRIBUTES_CALL_MAX, LOG_CALL_LINES_MAX, LOG_FIELDS_BYTES_MAX,
    LOG_MESSAGE_BYTES_MAX, LOG_TEXT_BYTES_MAX, LOG_TIME_MS_MAX,
};

/// Decodes log lines to store.
pub(super) fn log_lines(lines: Vec<pb::NewLogLine>) -> Result<Vec<NewLogLine>, Error> {
    if !(1..=LOG_CALL_LINES_MAX).contains(&lines.len()) {
        return Err(Error::field("lines", format!("has 1 to {LOG_CALL_LINES_MAX} lines; got {}", lines.len())));
    }
    let lines = lines.into_iter().map(log_line).collect::<Result<Vec<_>, _>>()?;
    let bytes: usize = lines.iter().map(NewLogLine::bytes).sum();
    if bytes > LOG_BYTES_MAX {
        return Err(Error::TooLarge(format!(
            "`lines` has {bytes} bytes of text, the most is {LOG_BYTES_MAX}, which is all that one process may log: send fewer"
        )));
    }
    Ok(lines)
}

/// Decodes a log line.
pub(super) fn log_line(line: pb::NewLogLine) -> Result<NewLogLine, Error> {
    if !(0..=LOG_TIME_MS_MAX).contains(&line.time_ms) {
        return Err(Error::field("time_ms", format!("is 0 to {LOG_TIME_MS_MAX}; got {}", line.time_ms)));
    }
    if line.message.len() > LOG_MESSAGE_BYTES_MAX {
        return Err(Error::TooLarge(format!(
            "a line's `message` has {} bytes, the most is {LOG_MESSAGE_BYTES_MAX}: cut it, or send several lines",
            line.message.len()
        )));
    }
    let fields = Some(line.fields).filter(|fields| !fields.is_empty());
    if let Some(fields) = &fields {
        check_fields(fields)?;
    }
    Ok(NewLogLine { time_ms: line.time_ms, level: log_level(&line.level)?, message: line.message, fields })
}

fn check_fields(fields: &str) -> Result<(), Error> {
    if fields.len() > LOG_FIELDS_BYTES_MAX {
        return Err(Error::TooLarge(format!(
            "a line's `fields` has {} bytes, the most is {LOG_FIELDS_BYTES_MAX}: leave some out",
            fields.len()
        )));
    }
    serde_json::from_str::<Map<String, Value>>(fields)
        .map(drop)
        .map_err(|error| Error::field("fields", format!("is no JSON object: {error}")))
}

fn log_level(word: &str) -> Result<LogLevel, Error> {
    LogLevel::from_word(word)
        .ok_or_else(|| Error::field("level", "is `trace`, `debug`, `info`, `warn`, `error`, `stdout` or `stderr`"))
}

/// Decodes a filter on log lines, and their number.
pub(super) fn log_order(request: pb::ListLogsRequest) -> Result<(LogFilter, LogOrder), Error> {
    let since_ms = match request.since_ms {
        0 => None,
        ms if (0..=LOG_TIME_MS_MAX).contains(&ms) => Some(ms),
        ms => return Err(Error::field("since_ms", format!("is 0 to {LOG_TIME_MS_MAX}; got {ms}"))),
    };
    if request.text.len() > LOG_TEXT_BYTES_MAX || request.text.contains('\0') {
        return Err(Error::field("text", format!("has at most {LOG_TEXT_BYTES_MAX} bytes and no NUL")));
    }
    let process_id = (!request.process_id.is_empty()).then(|| decode::process_id(&request.process_id)).transpose()?;
    let level = (!request.level.is_empty()).then(|| log_level(&request.level)).transpose()?;
    let filter = LogFilter {
        process_id,
        executor: decode::exact("executor", request.executor)?,
        since_ms,
        level,
        text: Some(request.text).filter(|text| !text.is_empty()),
    };
    let order = match request.last {
        0 => LogOrder::Page(decode::page(request.page_size, &request.page_token, |token| {
            Some(LogCursor(token.parse().ok()?))
        })?),
        _ if !request.page_token.is_empty() => {
            return Err(Error::field("last", "and `page_token` exclude each other: send one"));
        }
        last => LogOrder::Last(decode::rows_max("last", last)?),
    };
    Ok((filter, order))
}

/// Decodes values to attach.
pub(super) fn attributes(attributes: Vec<pb::NewAttribute>) -> Result<Vec<NewAttribute>, Error> {
    if !(1..=ATTRIBUTES_CALL_MAX).contains(&attributes.len()) {
        return Err(Error::field(
            "attributes",
            format!("has 1 to {ATTRIBUTES_CALL_MAX} values; got {}", attributes.len()),
        ));
    }
    attributes.into_iter().map(new_attribute).collect()
}

/// Decodes a value to attach.
pub(super) fn new_attribute(attribute: pb::NewAttribute) -> Result<NewAttribute, Error> {
    let kind = AttributeKind::from_word(&attribute.kind)
        .ok_or_else(|| Error::field("kind", "is `in`, `out`, `err` or `env`"))?;
    let key_chars = attribute.key.chars().count();
    if !(1..=ATTRIBUTE_KEY_CHARS_MAX).contains(&key_chars) {
        return Err(Error::field("key", format!("has 1 to {ATTRIBUTE_KEY_CHARS_MAX} characters; got {key_chars}")));
    }
    if attribute.value.len() > ATTRIBUTE_VALUE_BYTES_MAX {
        return Err(Error::TooLarge(format!(
            "an attribute's `value` has {} bytes, the most is {ATTRIBUTE_VALUE_BYTES_MAX}: put it into the output",
            attribute.value.len()
        )));
    }
    if attribute.key.contains('\0') || attribute.value.contains('\0') {
        return Err(Error::Invalid("an attribute holds a NUL, which cannot be kept: encode it".into()));
    }
    Ok(NewAttribute { kind, key: attribute.key, value: attribute.value })
}

/// Encodes a value attached to a process.
pub(super) fn attribute(attribute: Attribute) -> pb::Attribute {
    pb::Attribute { kind: attribute.kind, key: attribute.key, value: attribute.value, attempt: attribute.attempt }
}

/// Encodes a page of log lines.
pub(super) fn log_page(page: LogPage) -> pb::ListLogsResponse {
    pb::ListLogsResponse {
        lines: page.lines.into_iter().map(kept_line).collect(),
        next_page_token: page.next.map(|cursor| cursor.0.to_string()).unwrap_or_default(),
    }
}

/// Returns the messages of a watch, at the client's pace. The memory of a message is freed once the client wants more: until then
/// it may still be on its way.
pub(super) fn sightings(
    told: mpsc::Receiver<Result<WatchMessage, Error>>,
) -> impl Stream<Item = Result<pb::WatchResponse, Status>> {
    futures::stream::unfold((told, None), |(mut told, on_its_way)| async move {
        drop(on_its_way);
        Some(match told.recv().await? {
            Ok(next) => (Ok(sighting(next.sighting)), (told, next.room)),
            Err(error) => (Err(refused(error)), (told, None)),
        })
    })
}

fn sighting(seen: WatchEvent) -> pb::WatchResponse {
    match seen {
        WatchEvent::Process(process) => {
            let process: ProcessSummary = *process;
            pb::WatchResponse { process: Some(encode::process(process)), logs: Vec::new() }
        }
        WatchEvent::Logs(lines) => {
            pb::WatchResponse { process: None, logs: lines.into_iter().map(kept_line).collect() }
        }
    }
}

/// Encodes a stored log line.
pub(super) fn kept_line(line: LogLine) -> pb::LogLine {
    pb::LogLine {
        line: line.line.0,
        process_id: line.process_id.to_string(),
        attempt: line.attempt,
        executor: line.executor,
        time_ms: line.time_ms,
        level: line.level,
        message: line.message,
        fields: line.fields.unwrap_or_default(),
        payload_hidden: line.is_hidden,
    }
}
