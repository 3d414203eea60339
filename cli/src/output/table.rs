//! Tables without a frame, no wider than the terminal.

use std::io::{self, IsTerminal as _};

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::plain;

/// Spaces between two columns of a table.
const GAP: usize = 2;
/// Indentation of the further lines of a row that does not fit into one.
const INDENT: usize = 2;
/// Fewest columns of a shortened cell.
const CELL_MIN: usize = 8;

/// Formats a table without a frame; columns are two spaces apart. On a terminal no line is wider than it: first, cells
/// that nobody copies are shortened; if that is not enough, each row takes several lines.
pub(crate) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let head = head.iter().map(|name| name.to_uppercase()).collect();
    let rows = rows.into_iter().map(|row| row.iter().map(|cell| plain(cell)).collect());
    lines(&std::iter::once(head).chain(rows).collect::<Vec<_>>(), width()).join("\n")
}

/// Formats texts, each after its name. On a terminal, the texts are wrapped between words.
pub(crate) fn listing(entries: impl IntoIterator<Item = (String, String)>) -> String {
    let entries: Vec<(String, String)> = entries.into_iter().map(|(name, text)| (plain(&name), plain(&text))).collect();
    let width = width();
    entry_lines(&entries, width).join("\n")
}

fn entry_lines(entries: &[(String, String)], width: Option<usize>) -> Vec<String> {
    let names = entries.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(names + GAP));
    // Long names may leave too little room for the texts beside them.
    let beside = room >= names.max(4 * CELL_MIN);
    let under = width.map_or(usize::MAX, |width| width.saturating_sub(INDENT).max(1));
    let entry = |(name, text): &(String, String)| {
        let (indent, mut lines) = match beside {
            true => (names + GAP, broken(text, room)),
            false => (INDENT, broken(text, under)),
        };
        lines.iter_mut().for_each(|line| line.insert_str(0, &" ".repeat(indent)));
        match lines.first_mut().filter(|_| beside) {
            Some(first) => first.replace_range(..names, &format!("{name:<names$}")),
            None => lines.insert(0, name.clone()),
        }
        lines
    };
    entries.iter().flat_map(entry).collect()
}

/// Wraps a text into lines of at most `width` columns, between words if possible.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ').flat_map(|word| pieces(word, width)) {
        match lines.last_mut() {
            Some(line) if line.is_empty() => *line = word,
            Some(line) if line.width() + 1 + word.width() <= width => *line = format!("{line} {word}"),
            _ => lines.push(word),
        }
    }
    lines
}

/// Formats a text after its head, which takes `columns`, styled or not. On a terminal, the text is wrapped between
/// words. Further lines start below the first, or with a small indentation if there is too little room.
pub(crate) fn hanging(head: &str, columns: usize, text: &str) -> String {
    hung(head, columns, text, width())
}

fn hung(head: &str, columns: usize, text: &str, width: Option<usize>) -> String {
    let Some(width) = width.filter(|width| columns + text.width() > *width) else { return format!("{head}{text}") };
    let beside = width.saturating_sub(columns) >= columns.max(4 * CELL_MIN);
    let indent = if beside { columns } else { INDENT };
    let lines = broken(text, width.saturating_sub(indent).max(1));
    let gap = format!("\n{}", " ".repeat(indent));
    match beside {
        true => format!("{head}{}", lines.join(&gap)),
        false => format!("{}{gap}{}", head.trim_end(), lines.join(&gap)),
    }
}

/// Returns the width of a line, from COLUMNS or the terminal; `None` if the output is not a terminal.
fn width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let set = std::env::var("COLUMNS").ok().and_then(|text| text.trim().parse().ok()).filter(|columns| *columns > 0);
    let asked = || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
    set.or_else(asked).filter(|columns| *columns > 0)
}

/// Formats the lines of a table, whose first row is its head.
fn lines(rows: &[Vec<String>], width: Option<usize>) -> Vec<String> {
    let layout = Layout::of(rows, width);
    rows.iter().flat_map(|row| layout.lines(row)).collect()
}

/// Positions of each row's cells.
struct Layout {
    widths: Vec<usize>,
    /// Columns on each line of a row.
    lines: Vec<Vec<usize>>,
    /// Columns that are never shortened, because people copy them: the first, ids, times.
    whole: Vec<bool>,
}

impl Layout {
    fn of(rows: &[Vec<String>], width: Option<usize>) -> Self {
        let columns = rows.first().map_or(0, Vec::len);
        let column = |at: usize| rows.iter().filter_map(move |row| row.get(at));
        let widths: Vec<usize> =
            (0..columns).map(|at| column(at).map(|cell| cell.width()).max().unwrap_or(0)).collect();
        let is_copied = |cell: &String| !cell.contains(' ') && cell.contains(|c: char| c.is_ascii_digit());
        let whole: Vec<bool> = (0..columns).map(|at| at == 0 || column(at).any(is_copied)).collect();
        let head = |at: usize| column(at).next().map_or(0, |cell| cell.width());
        let least: Vec<usize> = (0..columns)
            .map(|at| if whole[at] { widths[at] } else { widths[at].min(head(at).max(CELL_MIN)) })
            .collect();
        let (widths, lines) = match width {
            None => (widths, vec![(0..columns).collect()]),
            Some(width) => match cut(widths.clone(), &least, width) {
                Some(widths) => (widths, vec![(0..columns).collect()]),
                None => fold(widths, &least, width),
            },
        };
        Self { widths, lines, whole }
    }

    fn lines(&self, row: &[String]) -> Vec<String> {
        let line = |(number, columns): (usize, &Vec<usize>)| {
            let indent = if number == 0 { 0 } else { INDENT };
            let cell = |at: usize| match row.get(at) {
                Some(cell) if self.whole[at] => pieces(cell, self.widths[at]),
                Some(cell) => vec![shortened(cell, self.widths[at])],
                None => Vec::new(),
            };
            let cells: Vec<(usize, Vec<String>)> = columns.iter().map(|&at| (self.widths[at], cell(at))).collect();
            let height = cells.iter().map(|(_, pieces)| pieces.len()).max().unwrap_or(0);
            (0..height).map(move |piece| {
                let mut line = " ".repeat(indent);
                for (width, pieces) in &cells {
                    let text = pieces.get(piece).map_or("", String::as_str);
                    line.push_str(text);
                    line.push_str(&" ".repeat(width.saturating_sub(text.width()) + GAP));
                }
                line.trim_end().to_owned()
            })
        };
        self.lines.iter().enumerate().flat_map(line).collect()
    }
}

/// Shortens the widest columns until all fit into one line; `None` if they cannot.
fn cut(mut widths: Vec<usize>, least: &[usize], width: usize) -> Option<Vec<usize>> {
    let gaps = GAP * widths.len().saturating_sub(1);
    let mut over = (widths.iter().sum::<usize>() + gaps).saturating_sub(width);
    while over > 0 {
        let at = (0..widths.len()).filter(|&at| widths[at] > least[at]).max_by_key(|&at| widths[at])?;
        widths[at] -= 1;
        over -= 1;
    }
    Some(widths)
}

/// Distributes the columns over several lines, each as full as possible. A column wider than a line gets its own line.
fn fold(mut widths: Vec<usize>, least: &[usize], width: usize) -> (Vec<usize>, Vec<Vec<usize>>) {
    let mut lines: Vec<Vec<usize>> = vec![Vec::new()];
    let (mut used, mut room) = (0, width);
    for at in 0..widths.len() {
        let before = if used == 0 { 0 } else { used + GAP };
        if used > 0 && before + least[at] > room {
            lines.push(Vec::new());
            (used, room) = (0, width.saturating_sub(INDENT).max(1));
        }
        let before = if used == 0 { 0 } else { used + GAP };
        widths[at] = widths[at].min(room - before.min(room - 1));
        used = before + widths[at];
        if let Some(line) = lines.last_mut() {
            line.push(at);
        }
    }
    (widths, lines)
}

/// Shortens a text to at most `width` columns, with a mark at the cut.
fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut short = pieces(text, width.saturating_sub(1).max(1)).into_iter().next().unwrap_or_default();
    short.push('…');
    short
}

/// Splits a text into pieces of at most `width` columns.
fn pieces(text: &str, width: usize) -> Vec<String> {
    let (mut pieces, mut used) = (vec![String::new()], 0);
    for c in text.chars() {
        let columns = c.width().unwrap_or(0);
        if used + columns > width && used > 0 {
            pieces.push(String::new());
            used = 0;
        }
        used += columns;
        if let Some(piece) = pieces.last_mut() {
            piece.push(c);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(rows: &[&[&str]], width: usize) -> Vec<String> {
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|&cell| cell.to_owned()).collect()).collect();
        lines(&rows, Some(width))
    }

    const ROWS: [&[&str]; 2] =
        [&["PROCESS", "KEY", "REASON"], &["0198c0de-0000", "ed25519:1", "nothing is as it was before"]];

    #[test]
    fn a_table_is_cut_where_nobody_copies_from() {
        assert_eq!(shown(&ROWS, 80)[1], "0198c0de-0000  ed25519:1  nothing is as it was before");
        assert_eq!(shown(&ROWS, 40), ["PROCESS        KEY        REASON", "0198c0de-0000  ed25519:1  nothing is as…"]);
        assert_eq!(shown(&[], 10), Vec::<String>::new());
    }

    #[test]
    fn a_row_takes_several_lines_where_cutting_is_not_enough() {
        assert_eq!(
            shown(&ROWS, 26),
            ["PROCESS        KEY", "  REASON", "0198c0de-0000  ed25519:1", "  nothing is as it was be…"]
        );
        assert_eq!(shown(&ROWS, 10)[3..], ["0198c0de-0", "000", "  ed25519:", "  1", "  nothing…"]);
    }

    #[test]
    fn a_text_is_broken_between_words_beside_its_name_or_under_it() {
        let entries = [("PAUSED".to_owned(), "the type `finance` is paused by operator, since noon".to_owned())];
        assert_eq!(entry_lines(&entries, None), ["PAUSED  the type `finance` is paused by operator, since noon"]);
        assert_eq!(
            entry_lines(&entries, Some(44)),
            ["PAUSED  the type `finance` is paused by", "        operator, since noon"]
        );
        assert_eq!(
            entry_lines(&entries, Some(30)),
            ["PAUSED", "  the type `finance` is paused", "  by operator, since noon"]
        );
    }

    #[test]
    fn a_text_hangs_behind_its_head_or_stands_under_it() {
        let text = "the type `finance` is paused by operator, since noon";
        assert_eq!(hung("state  ", 7, text, None), format!("state  {text}"));
        assert_eq!(hung("state  ", 7, text, Some(59)), format!("state  {text}"));
        let folded = "state  the type `finance` is paused by\n       operator, since noon";
        assert_eq!(hung("state  ", 7, text, Some(44)), folded);
        let under = "state\n  the type `finance` is paused\n  by operator, since noon";
        assert_eq!(hung("state  ", 7, text, Some(31)), under);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let wide = "顧客が見つかりません".repeat(3);
        let rows: [&[&str]; 3] = [ROWS[0], ROWS[1], &["0198c0de-0001", "-", &wide]];
        // A wide character, shortened, after the indentation: the narrowest possible line.
        for width in 5..90 {
            let lines = shown(&rows, width);
            let most = lines.iter().map(|line| line.width()).max().unwrap_or(0);
            assert!(most <= width, "{width}: {lines:?}");
        }
    }
}
