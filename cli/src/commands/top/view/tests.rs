//! Tests of the drawing, on a terminal in memory.

use apiary_protocol::snapshot::{BrokerPart, ColonyPart};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;

fn snapshot() -> Snapshot {
    let queue = |name: &str, waiting, age_ms| QueuePart {
        executor_type: name.to_owned(),
        waiting,
        is_least: false,
        oldest_age_ms: age_ms,
    };
    let executor = |name: &str, state: &str| ExecutorPart {
        name: name.to_owned(),
        executor_type: "finance".to_owned(),
        state: state.to_owned(),
        running: 3,
        slots: 64,
        version: String::new(),
        quiet_ms: Some(5000),
    };
    let finding = |kind: &str, critical| FindingPart {
        kind: kind.to_owned(),
        critical,
        text: "do this".to_owned(),
        subject: String::new(),
        count: 1,
        since_ms: None,
    };
    Snapshot {
        version: 1,
        time_ms: 10_000,
        broker: BrokerPart { id: "b".to_owned(), version: "0.1.0".to_owned(), ready: true },
        colony: ColonyPart { id: "c".to_owned(), name: "meadow".to_owned() },
        states: [("succeeded".to_owned(), 100), ("waiting".to_owned(), 9)].into(),
        queues: vec![queue("finance", 2, 90_000), queue("archive", 7, 1000)],
        executors: vec![executor("bee-1", "busy"), executor("bee-2", "gone")],
        has_more_executors: false,
        pauses: Vec::new(),
        limits: Vec::new(),
        healthy: false,
        findings: vec![finding("DEAD_LETTERS", true), finding("PAUSED", false)],
        webhook: None,
    }
}

fn view() -> View {
    let mut view = View::new("unix:broker.sock".to_owned());
    view.take(snapshot(), vec!["12:00:00  pause.added  ada".to_owned()]);
    view
}

/// Draws on a terminal of this size; returns its lines.
fn drawn(view: &View, columns: u16, lines: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
    terminal.draw(|frame| draw(frame, view)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let row = |row: &[ratatui::buffer::Cell]| row.iter().map(|cell| cell.symbol()).collect::<String>();
    buffer.content().chunks(usize::from(columns)).map(row).collect()
}

fn line_with(lines: &[String], words: &str) -> usize {
    lines.iter().position(|line| line.contains(words)).unwrap_or_else(|| panic!("{words}: {lines:#?}"))
}

#[test]
fn everything_fits_on_a_small_and_on_a_large_terminal() {
    for (columns, lines) in [(80, 24), (120, 40)] {
        let drawn = drawn(&view(), columns, lines);
        for words in [
            "colony meadow  2 findings",
            "broker 0.1.0 at unix:broker.sock, ready",
            "finished -   processes: 100 succeeded, 9 waiting",
            "queues, by age",
            "finance",
            "archive",
            "executors: 2",
            "bee-1",
            "bee-2",
            "3/64",
            "findings: 1 of 2",
            "DEAD_LETTERS  do this",
            "12:00:00  pause.added  ada",
            "q quit",
        ] {
            line_with(&drawn, words);
        }
    }
}

#[test]
fn lists_stand_side_by_side_where_there_is_room() {
    let narrow = drawn(&view(), 80, 24);
    assert!(line_with(&narrow, "queues") < line_with(&narrow, "executors: 2"));
    let wide = drawn(&view(), 120, 40);
    assert_eq!(line_with(&wide, "queues"), line_with(&wide, "executors: 2"));
}

#[test]
fn a_small_window_shows_a_row_of_each_list_and_a_finding() {
    assert_eq!(
        drawn(&view(), 40, 12).iter().map(|line| line.trim_end()).collect::<Vec<_>>(),
        [
            "colony meadow  2 findings",
            "broker 0.1.0 at unix:broker.sock, ready",
            "finished -   processes: 100 succeeded, 9",
            "queues, by age──────────────────────────",
            "finance              2         90 s",
            "archive              7         1 s",
            "executors: 2────────────────────────────",
            "bee-1        finance    busy  3/64 5 s",
            "findings: 1 of 2────────────────────────",
            "DEAD_LETTERS  do this",
            "PAUSED  do this",
            "q quit   p sort queues   ↑ ↓ findings",
        ]
    );
}

#[test]
fn no_size_is_too_small() {
    for (columns, lines) in [(1, 1), (3, 2), (20, 5), (400, 3)] {
        drawn(&view(), columns, lines);
    }
}

#[test]
fn keys_sort_the_queues_and_move_the_findings() {
    let mut view = view();
    let order = |view: &View| {
        let lines = drawn(view, 80, 24);
        line_with(&lines, "archive") < line_with(&lines, "finance  ")
    };
    assert!(!order(&view), "the oldest first");
    view.press(KeyCode::Char('p'));
    assert!(order(&view), "the most first");
    for _ in 0..5 {
        view.press(KeyCode::Down);
    }
    line_with(&drawn(&view, 80, 24), "findings: 2 of 2");
    view.press(KeyCode::Up);
    line_with(&drawn(&view, 80, 24), "findings: 1 of 2");
}

#[test]
fn throughput_is_what_finished_between_two_looks_and_a_miss_is_shown() {
    let mut view = view();
    let mut later = snapshot();
    later.time_ms += 2000;
    later.states.insert("succeeded".to_owned(), 105);
    view.take(later, Vec::new());
    line_with(&drawn(&view, 80, 24), "finished 2.5/s");
    view.miss("the broker does not answer".to_owned());
    let lines = drawn(&view, 80, 24);
    line_with(&lines, "NOT SEEN: the broker does not answer");
    line_with(&lines, "bee-1");
}
