//! The bounds on the log of a process: pure decisions about the lines that still fit.

use std::collections::HashMap;

use uuid::Uuid;

use crate::limits::{LOG_BYTES_MAX, LOG_LINES_MAX};
use crate::model::{LogBatch, NewLogLine};

/// The size of a process's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Lines.
    pub lines: i32,
    /// The bytes of their messages and fields.
    pub bytes: i64,
}

/// A batch of a held lease, with the part of it that fits.
pub struct LogFit<'a> {
    /// The whole batch.
    pub batch: &'a LogBatch,
    /// The size of the part to store: the first lines of the batch.
    pub more: Totals,
}

impl<'a> LogFit<'a> {
    /// Returns the lines to store, each with its batch.
    pub fn lines(&self) -> impl Iterator<Item = (&'a LogBatch, &'a NewLogLine)> + use<'a> {
        let batch = self.batch;
        batch.lines.iter().take(usize::try_from(self.more.lines).unwrap_or(0)).map(move |line| (batch, line))
    }

    /// Returns the number of lines that do not fit.
    pub fn dropped(&self) -> usize {
        self.batch.lines.len().saturating_sub(usize::try_from(self.more.lines).unwrap_or(0))
    }
}

/// Returns the part that fits of each batch whose process is in `totals`. The leases of the other batches are lost.
pub fn fit<'a>(batches: &'a [LogBatch], totals: &HashMap<Uuid, Totals>) -> Vec<LogFit<'a>> {
    let held = batches.iter().filter_map(|batch| Some((batch, totals.get(&batch.lease.process_id)?)));
    held.map(|(batch, there)| LogFit { batch, more: room_for(&batch.lines, *there) }).collect()
}

fn room_for(lines: &[NewLogLine], there: Totals) -> Totals {
    let lines_max = i32::try_from(LOG_LINES_MAX).unwrap_or(i32::MAX);
    let bytes_max = i64::try_from(LOG_BYTES_MAX).unwrap_or(i64::MAX);
    let mut more = Totals::default();
    for line in lines {
        let bytes = more.bytes.saturating_add(i64::try_from(line.bytes()).unwrap_or(i64::MAX));
        if there.lines.saturating_add(more.lines) >= lines_max || there.bytes.saturating_add(bytes) > bytes_max {
            break;
        }
        more = Totals { lines: more.lines + 1, bytes };
    }
    more
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LogLevel;

    fn lines(count: usize, bytes: usize) -> Vec<NewLogLine> {
        let line = NewLogLine { time_ms: 0, level: LogLevel::Info, message: "x".repeat(bytes), fields: None };
        vec![line; count]
    }

    #[test]
    fn lines_are_kept_up_to_the_bounds_and_not_beyond() {
        let (most, bytes_max) = (i32::try_from(LOG_LINES_MAX).unwrap(), i64::try_from(LOG_BYTES_MAX).unwrap());
        for (there, expected) in [
            (Totals::default(), 3),
            (Totals { lines: most - 2, bytes: 0 }, 2),
            (Totals { lines: most, bytes: 0 }, 0),
            (Totals { lines: 0, bytes: bytes_max - 25 }, 2),
            (Totals { lines: 0, bytes: bytes_max }, 0),
            // Whatever somebody wrote into the table.
            (Totals { lines: i32::MAX, bytes: i64::MAX }, 0),
        ] {
            assert_eq!(room_for(&lines(3, 10), there).lines, expected, "{there:?}");
        }
    }
}
