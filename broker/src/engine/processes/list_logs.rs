//! Listing log lines.

use apiary_store::model::{LogCursor, LogFilter, LogLine, Page, cut_to_bytes};

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
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

impl Engine {
    /// Returns the colony's log lines that match, oldest first: a page of them, or the last.
    pub(crate) async fn list_logs(
        &self,
        permit: Permit<action::ListLogs>,
        filter: &LogFilter,
        order: LogOrder,
    ) -> Result<LogPage, Error> {
        let colony = permit.colony();
        let page = match order {
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
            known.ok_or_else(|| Error::NotFound(format!("no process {process_id} in colony `{}`", colony.name)))?;
        }
        Ok(page)
    }
}

/// Returns the bytes that a line adds to an answer.
pub(in crate::engine) fn bytes_of(line: &LogLine) -> usize {
    LINE_BYTES + line.message.len() + line.fields.as_ref().map_or(0, String::len)
}
