//! Tests of the decisions: once, over, growing, flapping, bounded.

use super::*;

const MIN: i64 = 60_000;
const RULES: Rules = Rules { after_ms: MIN, silent_after_ms: 15 * MIN, away_after_ms: 5 * MIN, messages_per_hour: 100 };

fn finding(kind: &str) -> Finding {
    Finding {
        colony: "meadow".to_owned(),
        kind: kind.to_owned(),
        subject: String::new(),
        text: "do this".to_owned(),
        count: 1,
        since_ms: None,
    }
}

fn report(findings: &[Finding]) -> Report {
    Report { is_well: true, is_complete: true, findings: findings.to_vec() }
}

/// Looks at these findings, and returns what is told.
fn look(book: &mut Book, findings: &[Finding], now_ms: i64) -> Vec<(String, Change)> {
    book.observe(&report(findings), now_ms);
    book.due(&RULES, now_ms).into_iter().map(|event| (event.kind, event.change)).collect()
}

fn told(kind: &str, change: Change) -> Vec<(String, Change)> {
    vec![(kind.to_owned(), change)]
}

#[test]
fn a_finding_is_told_once_when_it_has_lasted_and_once_when_it_is_over() {
    let (mut book, dead) = (Book::default(), [finding("DEAD_LETTERS")]);
    assert_eq!(look(&mut book, &dead, 0), []);
    assert_eq!(look(&mut book, &dead, MIN), told("DEAD_LETTERS", Change::Opened));
    for minute in 2..50 {
        assert_eq!(look(&mut book, &dead, minute * MIN), []);
    }
    assert_eq!(look(&mut book, &[], 50 * MIN), []);
    assert_eq!(look(&mut book, &[], 51 * MIN), told("DEAD_LETTERS", Change::Resolved));
    assert_eq!(look(&mut book, &[], 52 * MIN), []);
    assert_eq!(look(&mut book, &[], 200 * MIN), []);
    assert_eq!(book.entries, []);
}

#[test]
fn a_short_gap_is_no_end_and_a_short_finding_no_news() {
    let (mut book, paused) = (Book::default(), [finding("PAUSED")]);
    look(&mut book, &paused, 0);
    assert_eq!(look(&mut book, &[], MIN / 2), []);
    assert_eq!(look(&mut book, &[], 9 * MIN), [], "it never lasted");
    look(&mut book, &paused, 10 * MIN);
    assert_eq!(look(&mut book, &paused, 11 * MIN), told("PAUSED", Change::Opened));
    assert_eq!(look(&mut book, &[], 12 * MIN), []);
    assert_eq!(look(&mut book, &paused, 12 * MIN + 1), []);
    assert_eq!(look(&mut book, &paused, 20 * MIN), []);
}

#[test]
fn an_executor_is_told_after_fifteen_minutes_of_silence_and_a_spool_after_five() {
    let mut book = Book::default();
    let silent = [Finding { since_ms: Some(0), ..finding("EXECUTOR_SILENT") }];
    assert_eq!(look(&mut book, &silent, 14 * MIN), []);
    assert_eq!(look(&mut book, &silent, 15 * MIN), told("EXECUTOR_SILENT", Change::Opened));
    let away = [silent[0].clone(), Finding { since_ms: Some(15 * MIN), ..finding("BROKER_AWAY") }];
    assert_eq!(look(&mut book, &away, 19 * MIN), []);
    assert_eq!(look(&mut book, &away, 20 * MIN), told("BROKER_AWAY", Change::Opened));
}

#[test]
fn an_executor_that_is_silent_for_a_day_is_not_told_to_be_back() {
    const DAY: i64 = 24 * 60 * MIN;
    let silent = [Finding { since_ms: Some(0), ..finding("EXECUTOR_SILENT") }];
    let end = |gone_ms| {
        let mut book = Book::default();
        assert_eq!(look(&mut book, &silent, 15 * MIN), told("EXECUTOR_SILENT", Change::Opened));
        look(&mut book, &[], gone_ms);
        look(&mut book, &[], gone_ms + MIN)
    };
    assert_eq!(end(DAY - MIN), told("EXECUTOR_SILENT", Change::Resolved));
    assert_eq!(end(DAY), told("EXECUTOR_SILENT", Change::Lapsed));
}

#[test]
fn more_dead_letters_are_told_after_an_hour_and_more_tries_of_something_never() {
    let mut book = Book::default();
    let of = |count| [Finding { count, ..finding("DEAD_LETTERS") }, Finding { count, ..finding("CONNECTIONS_FULL") }];
    look(&mut book, &of(1), 0);
    assert_eq!(look(&mut book, &of(1), MIN).len(), 2);
    assert_eq!(look(&mut book, &of(5), 2 * MIN), []);
    assert_eq!(look(&mut book, &of(5), 61 * MIN), told("DEAD_LETTERS", Change::Grew));
    assert_eq!(look(&mut book, &of(5), 200 * MIN), []);
}

#[test]
fn one_that_comes_and_goes_is_told_as_such_and_then_no_more_until_it_is_gone_for_an_hour() {
    let (mut book, paused) = (Book::default(), [finding("PAUSED")]);
    let mut changes = Vec::new();
    // Two minutes on, two minutes off: each lasts long enough to be told.
    for minute in 0..180 {
        let open = if minute % 4 < 2 { &paused[..] } else { &[] };
        changes.extend(look(&mut book, open, minute * MIN).into_iter().map(|(_, change)| change));
    }
    let (open, over) = (Change::Opened, Change::Resolved);
    assert_eq!(changes, [open, over, open, over, open, over, Change::Flapping]);
    for minute in 180..238 {
        assert_eq!(look(&mut book, &[], minute * MIN), []);
    }
    assert_eq!(look(&mut book, &[], 240 * MIN), told("PAUSED", over));
}

#[test]
fn one_that_never_lasts_but_comes_again_and_again_is_told() {
    let (mut book, paused) = (Book::default(), [finding("PAUSED")]);
    let mut changes = Vec::new();
    for half in 0..120 {
        let open = if half % 2 == 0 { &paused[..] } else { &[] };
        changes.extend(look(&mut book, open, half * MIN / 2));
    }
    assert_eq!(changes, told("PAUSED", Change::Flapping));
}

#[test]
fn what_could_not_be_read_is_not_over() {
    let (mut book, dead) = (Book::default(), [finding("DEAD_LETTERS")]);
    look(&mut book, &dead, 0);
    look(&mut book, &dead, MIN);
    for minute in 2..20 {
        book.observe(&Report::default(), minute * MIN);
        assert_eq!(book.due(&RULES, minute * MIN), []);
    }
    assert_eq!(look(&mut book, &dead, 20 * MIN), []);
}

#[test]
fn beyond_the_bound_of_an_hour_changes_wait_for_the_next_message() {
    let (mut book, rules) = (Book::default(), Rules { after_ms: 0, messages_per_hour: 2, ..RULES });
    let mut sizes = Vec::new();
    for second in 0..10 {
        let findings: Vec<Finding> = (0..=second).map(|number| finding(&format!("KIND_{number}"))).collect();
        book.observe(&report(&findings), second * 1000);
        sizes.push(book.due(&rules, second * 1000).len());
    }
    assert_eq!(sizes, [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    book.observe(&Report { is_complete: false, ..Report::default() }, 61 * MIN);
    assert_eq!(book.due(&rules, 61 * MIN).len(), 8);
}

#[test]
fn a_book_is_the_same_after_it_was_stored() {
    let (mut book, dead) = (Book::default(), [finding("DEAD_LETTERS")]);
    look(&mut book, &dead, 0);
    look(&mut book, &dead, MIN);
    let stored = serde_json::to_string(&book).unwrap();
    let mut read: Book = serde_json::from_str(&stored).unwrap();
    assert_eq!(read, book);
    assert_eq!(look(&mut read, &dead, 2 * MIN), []);
}
