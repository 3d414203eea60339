//! The contents of the screen, and their drawing. Without I/O.

use apiary_executor_sdk::v1;
use apiary_protocol::snapshot::{ExecutorPart, FindingPart, QueuePart, Snapshot};
use jiff::Timestamp;
use ratatui::Frame;
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Row, Table, Wrap};

use crate::commands::status::age;
use crate::output::plain;

/// States in which a process stays.
const FINISHED: [&str; 4] = ["succeeded", "failed", "cancelled", "dead_letter"];
/// Columns from which on queues and executors stand side by side.
const WIDE: u16 = 100;

/// The column by which queues are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Age,
    Waiting,
    Name,
}

/// The state of the screen.
pub(super) struct View {
    address: String,
    snapshot: Option<Snapshot>,
    events: Vec<String>,
    /// Processes that finished in a second, between the last two looks.
    rate: Option<f64>,
    /// The reason why the last look failed.
    problem: Option<String>,
    sort: Sort,
    /// The first finding that is shown.
    scroll: usize,
}

impl View {
    pub(super) fn new(address: String) -> Self {
        let (sort, scroll) = (Sort::Age, 0);
        Self { address, snapshot: None, events: Vec::new(), rate: None, problem: None, sort, scroll }
    }

    /// Takes a new look.
    pub(super) fn take(&mut self, snapshot: Snapshot, events: Vec<String>) {
        self.rate = self.snapshot.as_ref().and_then(|before| rate(before, &snapshot));
        (self.snapshot, self.events, self.problem) = (Some(snapshot), events, None);
        self.bound_scroll();
    }

    /// Notes that a look failed: what was seen before stays.
    pub(super) fn miss(&mut self, problem: String) {
        (self.problem, self.rate) = (Some(problem), None);
    }

    /// Reacts to a key.
    pub(super) fn press(&mut self, key: KeyCode) {
        match key {
            KeyCode::Char('p') => {
                self.sort = match self.sort {
                    Sort::Age => Sort::Waiting,
                    Sort::Waiting => Sort::Name,
                    Sort::Name => Sort::Age,
                }
            }
            KeyCode::Down => self.scroll = self.scroll.saturating_add(1),
            KeyCode::Up => self.scroll = self.scroll.saturating_sub(1),
            _ => {}
        }
        self.bound_scroll();
    }

    fn bound_scroll(&mut self) {
        let findings = self.snapshot.as_ref().map_or(0, |snapshot| snapshot.findings.len());
        self.scroll = self.scroll.min(findings.saturating_sub(1));
    }
}

/// Returns the processes that finished in a second. Those that retention deleted meanwhile make it less, never negative.
fn rate(before: &Snapshot, after: &Snapshot) -> Option<f64> {
    let count = |snapshot: &Snapshot| FINISHED.iter().filter_map(|state| snapshot.states.get(*state)).sum::<i64>();
    let ms = after.time_ms.checked_sub(before.time_ms).filter(|ms| *ms > 0)?;
    let finished = u32::try_from(count(after).saturating_sub(count(before)).max(0)).ok()?;
    Some(f64::from(finished) * 1000.0 / f64::from(u32::try_from(ms).ok()?))
}

/// Formats an event in a line.
pub(super) fn event_line(event: &v1::Event) -> String {
    let time = Timestamp::from_millisecond(event.time_ms)
        .map_or_else(|_| String::new(), |at| at.strftime("%H:%M:%S").to_string());
    let who = if event.name.is_empty() { "-" } else { &event.name };
    plain(format!("{time}  {}  {who}  {} {}", event.kind, event.subject, event.reason).trim_end())
}

/// Draws the screen.
pub(super) fn draw(frame: &mut Frame<'_>, view: &View) {
    let Some(snapshot) = &view.snapshot else { return };
    let is_wide = frame.area().width >= WIDE;
    let (findings, events) = heights(frame.area().height, snapshot.findings.len(), view.events.len());
    let (findings, events) = (Constraint::Length(findings), Constraint::Length(events));
    let parts = Layout::vertical([Constraint::Length(3), Constraint::Fill(1), findings, events, Constraint::Length(1)]);
    let [head, lists, findings, events, foot] = parts.areas(frame.area());
    frame.render_widget(Paragraph::new(head_lines(view, snapshot)), head);
    let [queues, executors] = match is_wide {
        true => Layout::horizontal([Constraint::Percentage(45), Constraint::Percentage(55)]).areas(lists),
        false => Layout::vertical([Constraint::Percentage(50), Constraint::Percentage(50)]).areas(lists),
    };
    draw_queues(frame, queues, view.sort, &snapshot.queues);
    draw_executors(frame, executors, snapshot);
    draw_findings(frame, findings, view.scroll, &snapshot.findings);
    let lines: Vec<Line<'_>> = view.events.iter().map(|line| Line::raw(line.as_str())).collect();
    frame.render_widget(Paragraph::new(lines).block(framed("latest events".to_owned())), events);
    frame.render_widget(Line::raw("q quit   p sort queues   ↑ ↓ findings").dim(), foot);
}

/// Returns the lines for findings and for events: the lists have what is left, and come first on a small screen.
fn heights(lines: u16, findings: usize, events: usize) -> (u16, u16) {
    let (findings_max, events_max) = match lines {
        ..16 => (3, 0),
        16..24 => (4, 0),
        24..36 => (5, 4),
        36.. => (9, 8),
    };
    // Each has a title. Findings may need several lines.
    let lines = |count: usize, of_one: usize| u16::try_from(count.saturating_mul(of_one) + 1).unwrap_or(u16::MAX);
    let events = if events == 0 { 0 } else { lines(events, 1) };
    (lines(findings, 3).min(findings_max), events.min(events_max))
}

fn head_lines<'v>(view: &'v View, snapshot: &'v Snapshot) -> Vec<Line<'v>> {
    let state = match (&view.problem, snapshot.healthy) {
        (Some(problem), _) => Span::styled(format!("NOT SEEN: {}", plain(problem)), Style::new().fg(Color::Red).bold()),
        (None, true) => Span::styled("nothing needs attention", Style::new().fg(Color::Green)),
        (None, false) => {
            let color =
                if snapshot.findings.iter().any(|finding| finding.critical) { Color::Red } else { Color::Yellow };
            Span::styled(format!("{} findings", snapshot.findings.len()), Style::new().fg(color).bold())
        }
    };
    let states: Vec<String> = snapshot.states.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let rate = view.rate.map_or("-".to_owned(), |rate| format!("{rate:.1}/s"));
    let readiness = if snapshot.broker.ready { "ready" } else { "not ready" };
    vec![
        Line::from(vec![Span::raw("colony ").dim(), plain(&snapshot.colony.name).bold(), Span::raw("  "), state]),
        Line::raw(format!("broker {} at {}, {readiness}", plain(&snapshot.broker.version), view.address)),
        Line::raw(format!("finished {rate}   processes: {}", states.join(", "))),
    ]
}

fn framed(title: String) -> Block<'static> {
    Block::new().borders(Borders::TOP).title(title)
}

fn draw_queues(frame: &mut Frame<'_>, area: Rect, sort: Sort, queues: &[QueuePart]) {
    let mut queues: Vec<&QueuePart> = queues.iter().collect();
    let by = match sort {
        Sort::Age => {
            queues.sort_by_key(|queue| std::cmp::Reverse(queue.oldest_age_ms));
            "age"
        }
        Sort::Waiting => {
            queues.sort_by_key(|queue| std::cmp::Reverse(queue.waiting));
            "number"
        }
        Sort::Name => {
            queues.sort_by(|one, other| one.executor_type.cmp(&other.executor_type));
            "name"
        }
    };
    let rows = queues.iter().map(|queue| {
        let least = if queue.is_least { "≥ " } else { "" };
        let waiting = format!("{least}{}", queue.waiting);
        Row::new([plain(&queue.executor_type), waiting, age(queue.oldest_age_ms)])
    });
    let widths = [Constraint::Min(12), Constraint::Length(9), Constraint::Length(9)];
    let head = Row::new(["waiting for", "processes", "oldest"]).dim();
    let title = format!("queues, by {by}");
    frame.render_widget(with_head(Table::new(rows, widths), head, area).block(framed(title)), area);
}

/// Adds the names of the columns, if that leaves room for two rows.
fn with_head<'t>(table: Table<'t>, head: Row<'t>, area: Rect) -> Table<'t> {
    if area.height < 4 { table } else { table.header(head) }
}

fn draw_executors(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
    let rows = snapshot.executors.iter().map(|one: &ExecutorPart| {
        let color = match one.state.as_str() {
            "idle" | "busy" => Color::Green,
            "draining" | "pending" | "silent" => Color::Yellow,
            _ => Color::Red,
        };
        let slots = if one.slots > 0 { format!("{}/{}", one.running, one.slots) } else { one.running.to_string() };
        let heard = one.quiet_ms.map_or("never".to_owned(), age);
        let state = Span::styled(plain(&one.state), Style::new().fg(color));
        Row::new([
            Line::raw(plain(&one.name)),
            Line::raw(plain(&one.executor_type)),
            Line::from(state),
            Line::raw(slots),
            Line::raw(heard),
        ])
    });
    let widths =
        [Constraint::Min(12), Constraint::Min(10), Constraint::Length(8), Constraint::Length(7), Constraint::Length(7)];
    let head = Row::new(["executor", "type", "state", "running", "heard"]).dim();
    let more = if snapshot.has_more_executors { " (the first thousand)" } else { "" };
    let title = format!("executors: {}{more}", snapshot.executors.len());
    frame.render_widget(with_head(Table::new(rows, widths), head, area).block(framed(title)), area);
}

fn draw_findings(frame: &mut Frame<'_>, area: Rect, scroll: usize, findings: &[FindingPart]) {
    let line = |finding: &FindingPart| {
        let color = if finding.critical { Color::Red } else { Color::Yellow };
        Line::from(vec![
            Span::styled(plain(&finding.kind), Style::new().fg(color).bold()),
            Span::raw(format!("  {}", plain(&finding.text))),
        ])
    };
    let lines: Vec<Line<'_>> = findings.iter().skip(scroll).map(line).collect();
    let title = match findings.len() {
        0 => "findings: none".to_owned(),
        count => format!("findings: {} of {count}", scroll + 1),
    };
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(framed(title)), area);
}

#[cfg(test)]
mod tests;
