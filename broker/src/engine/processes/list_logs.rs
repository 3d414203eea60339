//! Listing log lines.

use apiary_store::model::{LogCursor, LogFilter, LogLine, Page, cut_to_bytes};

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::processes::operations::no_process;
use crate::engine::processes::shown::hide;
use crate::limits::PAGE_BYTES_MAX;

/// Bytes of a line's ids, names and numbers, at the most; its text comes on top.
const LINE_BYTES: usize = 1024;

/// The part of the log to list.
pub(crate) enum LogOrder {
    /// A page, from the oldest on.
    Page(Page<LogCursor>),
    /// This many last lines.
    Last(i64),
}

/// A page of log lines.
pub(crate) struct LogPage {
    /// The lines, oldest first.
    pub(crate) lines: Vec<LogLine>,
    /// The start of the next page, if there may be one.
    pub(crate) next: Option<LogCursor>,
}

/// The log lines whose text a caller sees.
enum Visibility {
    /// All.
    All,
    /// The lines of processes that it submitted.
    OfSubmitted,
    /// None.
    None,
}

impl Engine {
    /// Returns the colony's log lines that match, oldest first: a page of them, or the last.
    pub(crate) async fn list_logs(
        &self,
        permit: Permit<action::ListLogs>,
        filter: &LogFilter,
        order: LogOrder,
    ) -> Result<LogPage, Error> {
        let colony = permit.colony();
        let visibility = self.visibility(&permit, filter).await?;
        let mut page = match order {
            LogOrder::Page(page) => {
                let mut lines = self.store.list_logs(colony.key, filter, page).await?;
                let full = i64::try_from(lines.len()).is_ok_and(|count| count >= page.size);
                let full = !cut_to_bytes(&mut lines, PAGE_BYTES_MAX, bytes_of).is_empty() || full;
                LogPage { next: lines.last().filter(|_| full).map(|line| line.line), lines }
            }
            LogOrder::Last(count) => {
                let mut lines = self.store.list_last_logs(colony.key, filter, count).await?;
                cut_to_bytes(&mut lines, PAGE_BYTES_MAX, bytes_of);
                lines.reverse();
                LogPage { lines, next: None }
            }
        };
        // An empty answer must not hide a wrong process id.
        if let (true, Some(process_id)) = (page.lines.is_empty(), filter.process_id) {
            let known = self.store.get_process(colony.key, process_id).await?;
            known.ok_or_else(|| no_process(colony, process_id))?;
        }
        match visibility {
            Visibility::All => {}
            Visibility::None => page.lines.iter_mut().for_each(hide),
            Visibility::OfSubmitted => self.hide_others(&permit.key(), &mut page.lines).await?,
        }
        Ok(page)
    }

    /// Returns which texts the caller sees of the lines that match. Where some are hidden, they cannot be searched, either.
    async fn visibility(&self, permit: &Permit<action::ListLogs>, filter: &LogFilter) -> Result<Visibility, Error> {
        let visibility = match filter.process_id {
            Some(process_id) if permit.own_only().is_some() || !permit.shows_payloads() => {
                let process = self.summary(permit.colony(), process_id).await?;
                self.check_shown(permit, process_id, process.submitter_grant).await?;
                let attempts = self.store.attempts(process_id).await?;
                let executors = attempts.iter().map(|attempt| attempt.executor);
                match self.hides_payloads(permit, process.submitter_grant, executors).await? {
                    true => Visibility::None,
                    false => Visibility::All,
                }
            }
            None if permit.own_only().is_some() => {
                return Err(Error::field("process_id", "is needed with the right `read_own`: name a process"));
            }
            None if !permit.shows_payloads() => Visibility::OfSubmitted,
            _ => Visibility::All,
        };
        match (visibility, &filter.text) {
            (Visibility::None | Visibility::OfSubmitted, Some(_)) => Err(Error::NotPermitted(
                "searching log lines for text needs a grant with the right `view_payloads`, in force now".into(),
            )),
            (visibility, _) => Ok(visibility),
        }
    }
}

/// Returns the bytes that a line adds to an answer.
pub(in crate::engine) fn bytes_of(line: &LogLine) -> usize {
    LINE_BYTES + line.message.len() + line.fields.as_ref().map_or(0, String::len)
}
