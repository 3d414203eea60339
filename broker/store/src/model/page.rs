//! Paging: each page starts after the last row of the one before, so that inserts never shift it.

use uuid::Uuid;

use super::{GrantKey, ProcessSummary};

/// A part of a list: its size and its start.
#[derive(Clone, Copy, Debug)]
pub struct Page<C> {
    /// The most rows.
    pub size: i64,
    /// The last row of the page before; `None` for the start of the list.
    pub after: Option<C>,
}

/// A position in the list of processes, which goes from the newest to the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessCursor {
    /// The row's `submitted_at_ms`.
    pub submitted_at_ms: i64,
    /// The row's process id, to break ties.
    pub process_id: Uuid,
}

/// A page of the list of processes.
#[derive(Clone, Debug, Default)]
pub struct ProcessPage {
    /// The processes, newest first: fewer than asked for, or none, where few of many match.
    pub processes: Vec<ProcessSummary>,
    /// The position from which the list goes on; `None` if this is its end.
    pub next: Option<ProcessCursor>,
}

/// The number of processes that match a filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessCount {
    /// The number of those that were found.
    pub count: i64,
    /// True if there may be more: only the newest processes were read.
    pub is_more: bool,
}

impl From<ProcessPage> for ProcessCount {
    fn from(page: ProcessPage) -> Self {
        Self { count: i64::try_from(page.processes.len()).unwrap_or(i64::MAX), is_more: page.next.is_some() }
    }
}

/// A position in the list of grants, which goes from the oldest to the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantCursor(pub GrantKey);

/// A position in the list of executors, which goes by their first appearance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutorCursor(pub i64);

/// Cuts rows to what one answer can carry, and returns those that were cut off. The first row always stays.
pub fn cut_to_bytes<T>(rows: &mut Vec<T>, bytes_max: usize, bytes: impl Fn(&T) -> usize) -> Vec<T> {
    let mut sum = 0_usize;
    let fitting = rows
        .iter()
        .take_while(|row| {
            sum = sum.saturating_add(bytes(row));
            sum <= bytes_max
        })
        .count()
        .max(1);
    rows.split_off(fitting.min(rows.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_to_what_an_answer_can_carry() {
        for (mut rows, left) in [(vec![4, 4, 2, 1], 3), (vec![11, 1], 1), (vec![1, 1], 2), (vec![], 0)] {
            let all = rows.len();
            assert_eq!(cut_to_bytes(&mut rows, 10, |row| *row).len(), all - left);
            assert_eq!(rows.len(), left);
        }
    }
}
