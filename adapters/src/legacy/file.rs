//! Reads a dump of the table, as a stream: one JSON object a line, or one JSON array of objects.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

use super::error::LegacyError;
use super::fields::Fields;
use super::limits::{PAGE_ROWS, ROW_BYTES_MAX};
use super::source::{Found, Page};

/// Byte order mark that some programs put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A dump that is being read.
pub struct LegacyFile {
    reader: Box<dyn AsyncBufRead + Send + Unpin>,
    form: Form,
    rows: u64,
    /// Error that ended the reading.
    failed: Option<LegacyError>,
}

/// Layouts of a dump, and states of its reader.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Nothing has been read yet.
    Unread,
    /// Rows separated by line ends.
    Lines,
    /// Rows separated by commas, inside an array.
    Array,
    /// The array is closed.
    Closed,
    /// The end of the dump.
    Ended,
}

/// Bytes read up to a delimiter.
struct Piece {
    /// At most [`ROW_BYTES_MAX`] of the bytes.
    bytes: Vec<u8>,
    /// Number of all bytes, also of those that were dropped.
    length: usize,
    /// The delimiter; `None` at the end of the file.
    end: Option<u8>,
}

impl LegacyFile {
    /// Creates a reader for a dump.
    pub fn new(reader: impl AsyncBufRead + Send + Unpin + 'static) -> Self {
        Self { reader: Box::new(reader), form: Form::Unread, rows: 0, failed: None }
    }

    /// Returns the next rows; `None` at the end.
    pub(super) async fn next_page(&mut self) -> Result<Option<Page>, LegacyError> {
        let mut page = Page::default();
        while page.rows.len() < PAGE_ROWS && self.failed.is_none() {
            match self.next_row().await {
                Ok(Some(row)) => page.rows.push(row),
                Ok(None) => break,
                Err(error) => self.failed = Some(error),
            }
        }
        // Rows read before an error are returned first; the next call returns the error.
        match self.failed.clone() {
            Some(error) if page.rows.is_empty() => Err(error),
            _ => Ok(Some(page).filter(|page| !page.rows.is_empty())),
        }
    }

    async fn next_row(&mut self) -> Result<Option<Found>, LegacyError> {
        if self.form == Form::Unread {
            self.form = self.find_form().await.map_err(unreadable)?;
        }
        match self.form {
            Form::Lines => self.next_line().await,
            Form::Array => self.next_element().await,
            Form::Closed => self.expect_nothing_more().await.map(|()| None),
            Form::Unread | Form::Ended => Ok(None),
        }
    }

    /// Skips the byte order mark and white space, and tells an array from lines by the first other byte.
    async fn find_form(&mut self) -> io::Result<Form> {
        // The first fill of a buffer holds these three bytes, unless the file is shorter.
        if self.reader.fill_buf().await?.starts_with(BYTE_ORDER_MARK) {
            self.reader.consume(BYTE_ORDER_MARK.len());
        }
        loop {
            match self.reader.fill_buf().await?.first() {
                None => return Ok(Form::Ended),
                // Blank lines count, so that later line numbers match an editor's.
                Some(b'\n') => self.rows += 1,
                Some(byte) if byte.is_ascii_whitespace() => {}
                Some(b'[') => {
                    self.reader.consume(1);
                    self.rows = 0;
                    return Ok(Form::Array);
                }
                Some(_) => return Ok(Form::Lines),
            }
            self.reader.consume(1);
        }
    }

    async fn next_line(&mut self) -> Result<Option<Found>, LegacyError> {
        loop {
            let piece = self.read_until(|byte| byte == b'\n').await.map_err(unreadable)?;
            self.rows += 1;
            if !piece.is_blank() {
                return Ok(Some(Found { place: format!("line {}", self.rows), fields: piece.fields() }));
            }
            if piece.end.is_none() {
                return Ok(None);
            }
        }
    }

    async fn next_element(&mut self) -> Result<Option<Found>, LegacyError> {
        let mut nesting = Nesting::default();
        let piece = self.read_until(move |byte| nesting.ends_before(byte)).await.map_err(unreadable)?;
        self.rows += 1;
        match piece.end {
            Some(b',') => {}
            Some(b']') => self.form = Form::Closed,
            _ => {
                return Err(LegacyError::Unreadable(format!(
                    "the array breaks off inside row {}: is the dump complete?",
                    self.rows
                )));
            }
        }
        // An array that is empty, or has a comma before its end, has no row there.
        if self.form == Form::Closed && piece.is_blank() {
            return self.expect_nothing_more().await.map(|()| None);
        }
        Ok(Some(Found { place: format!("row {}", self.rows), fields: piece.fields() }))
    }

    async fn expect_nothing_more(&mut self) -> Result<(), LegacyError> {
        loop {
            let rest = self.reader.fill_buf().await.map_err(unreadable)?;
            if rest.is_empty() {
                self.form = Form::Ended;
                return Ok(());
            }
            if rest.iter().any(|byte| !byte.is_ascii_whitespace()) {
                return Err(LegacyError::Unreadable(
                    "data follows the array: a dump is one array, or one object a line".to_owned(),
                ));
            }
            let length = rest.len();
            self.reader.consume(length);
        }
    }

    /// Reads up to a byte for which `ends` is true, and past it. Keeps at most [`ROW_BYTES_MAX`] bytes.
    async fn read_until(&mut self, mut ends: impl FnMut(u8) -> bool) -> io::Result<Piece> {
        let mut piece = Piece { bytes: Vec::new(), length: 0, end: None };
        loop {
            let buffer = self.reader.fill_buf().await?;
            if buffer.is_empty() {
                return Ok(piece);
            }
            let end = buffer.iter().position(|byte| ends(*byte));
            let part = &buffer[..end.unwrap_or(buffer.len())];
            // A row that is too long is read to its end all the same: its length belongs in the report, and the next
            // row must be found.
            let room = ROW_BYTES_MAX.saturating_sub(piece.bytes.len());
            piece.bytes.extend_from_slice(&part[..part.len().min(room)]);
            piece.length = piece.length.saturating_add(part.len());
            piece.end = end.map(|end| buffer[end]);
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if piece.end.is_some() {
                return Ok(piece);
            }
        }
    }
}

impl Piece {
    fn is_blank(&self) -> bool {
        self.bytes.iter().all(u8::is_ascii_whitespace)
    }

    fn fields(&self) -> Result<Fields, String> {
        if self.length > ROW_BYTES_MAX {
            return Err(too_long(self.length));
        }
        let text = std::str::from_utf8(&self.bytes).map_err(|error| format!("is not valid UTF-8: {error}"))?;
        Fields::read(text.trim())
    }
}

/// Position in JSON: the depth of nesting, and the state inside a string.
#[derive(Default)]
struct Nesting {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    /// Advances over the next byte. Returns true if an element of the outer array ends before it.
    fn ends_before(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            // Braces and brackets are not matched with each other: the JSON parser does that, and rejects the row.
            b'{' | b'[' => self.depth += 1,
            b']' | b',' if self.depth == 0 => return true,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        false
    }
}

/// Returns the fault of a row that is too long.
pub(super) fn too_long(bytes: usize) -> String {
    format!("it has {bytes} bytes as JSON, the most is {ROW_BYTES_MAX}")
}

fn unreadable(error: io::Error) -> LegacyError {
    LegacyError::Unreadable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row's place and id, or what is wrong; and how reading ended.
    async fn read(text: &[u8]) -> (Vec<(String, String)>, Option<LegacyError>) {
        // A small buffer, so that every row lies over its edge.
        let mut file = LegacyFile::new(tokio::io::BufReader::with_capacity(7, std::io::Cursor::new(text.to_vec())));
        let mut rows = Vec::new();
        loop {
            match file.next_page().await {
                Ok(Some(page)) => {
                    rows.extend(page.rows.into_iter().map(|row| match row.fields {
                        Ok(fields) => (row.place, fields.text("id").unwrap().unwrap_or_default()),
                        Err(problem) => (row.place, problem),
                    }));
                }
                Ok(None) => return (rows, None),
                Err(error) => return (rows, Some(error)),
            }
        }
    }

    fn rows(places: &[(&str, &str)]) -> Vec<(String, String)> {
        places.iter().map(|(place, id)| ((*place).to_owned(), (*id).to_owned())).collect()
    }

    #[tokio::test]
    async fn lines_and_arrays_give_the_same_rows() {
        let lines = b"\xef\xbb\xbf\n{\"id\":1}\r\n\n {\"id\":\"a,]}\\\"b\",\"c\":[{}]}\n{\"id\":3}";
        assert_eq!(read(lines).await.0, rows(&[("line 2", "1"), ("line 4", "a,]}\"b"), ("line 5", "3")]));
        let array = b" [ {\"id\":1},\n{\"id\":\"a,]}\\\"b\",\"c\":[{}]} , {\"id\":3} ] \n";
        assert_eq!(read(array).await.0, rows(&[("row 1", "1"), ("row 2", "a,]}\"b"), ("row 3", "3")]));
        for empty in [b"".as_slice(), b" \n\n", b"[]", b" [ \n ] \n"] {
            let (rows, error) = read(empty).await;
            assert!(rows.is_empty() && error.is_none(), "{empty:?}");
        }
    }

    #[tokio::test]
    async fn a_bad_row_does_not_hide_the_next() {
        let bad: [&[u8]; 5] = [b"{\"id\":", b"nonsense", b"\xff\xfe", b"[1]", b"{\"id\":1,\"id\":2}"];
        for bad in bad {
            let (found, error) = read(&[b"{\"id\":1}\n", bad, b"\n{\"id\":3}\n"].concat()).await;
            assert!(error.is_none() && found.len() == 3, "{found:?}");
            assert_eq!((found[0].1.as_str(), found[2].1.as_str()), ("1", "3"));
            assert!(found[1].1.starts_with("is no"), "{}", found[1].1);
        }
        let (found, _) = read(b"[{\"id\":1}, 7, , {\"id\":3}]").await;
        assert_eq!(found.len(), 4);
        assert!(found[1].1.starts_with("is no") && found[2].1.starts_with("is no"));
    }

    #[tokio::test]
    async fn a_row_that_is_too_long_is_counted_and_passed_over() {
        let long = "x".repeat(ROW_BYTES_MAX);
        let (found, _) = read(format!("{{\"id\":1,\"long\":\"{long}\"}}\n{{\"id\":2}}").as_bytes()).await;
        assert!(found[0].1.contains("bytes"), "{}", found[0].1);
        assert_eq!(found[1].1, "2");
    }

    #[tokio::test]
    async fn a_dump_that_is_not_whole_is_said_to_be() {
        let (found, error) = read(b"[{\"id\":1},{\"id\":").await;
        assert_eq!(found, rows(&[("row 1", "1")]), "what was whole is taken");
        assert!(error.unwrap().to_string().contains("breaks off"));
        let (found, error) = read(b"[{\"id\":1}] [{\"id\":2}]").await;
        assert_eq!(found, rows(&[("row 1", "1")]));
        assert!(error.unwrap().to_string().contains("follows"));
    }
}
