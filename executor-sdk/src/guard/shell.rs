//! Text as a shell would read it, so that a pattern need not match every way to write a word.

/// The longest `{a,b,c}` that is expanded, in bytes.
const BRACES_BYTES_MAX: usize = 1024;
/// Variables used to disguise commands, and their values: a separator, or nothing. Longer names first.
const VARIABLES: [(&str, &str); 7] =
    [("${IFS}", " "), ("$IFS$9", " "), ("$IFS", " "), ("${@}", ""), ("${*}", ""), ("$@", ""), ("$*", "")];

/// Returns the text without quotes and backslashes, with a single space for white space and `$IFS`, and with `{a,b}`
/// and `$'\x61'` expanded. Good for searching only, not for running: quoted text is treated like unquoted text.
pub(super) fn as_a_shell_reads(text: &str) -> String {
    let mut read = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(after) =
            variable(rest, &mut read).or_else(|| escaped(rest, &mut read)).or_else(|| braces(rest, &mut read))
        {
            rest = after;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' if rest.starts_with('\n') => rest = &rest[1..],
            '\\' if rest.starts_with("\r\n") => rest = &rest[2..],
            '\'' | '"' | '\\' => {}
            '\n' => push_break(&mut read),
            c if c.is_whitespace() => push_space(&mut read),
            // Invisible characters, which would keep a pattern from matching.
            c if c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}') => {}
            c => read.push(c),
        }
    }
    read
}

/// Reads a variable such as `$IFS`; returns the text after it.
fn variable<'t>(text: &'t str, read: &mut String) -> Option<&'t str> {
    if !text.starts_with('$') {
        return None;
    }
    let (name, value) = VARIABLES.iter().find(|(name, _)| text.starts_with(name))?;
    match *value {
        " " => push_space(read),
        value => read.push_str(value),
    }
    let mut rest = &text[name.len()..];
    // `rm$IFS$9-rf`: positional parameters are empty, and end a variable's name.
    if *value == " " && rest.len() > 1 && rest.starts_with('$') && rest.as_bytes()[1].is_ascii_digit() {
        rest = &rest[2..];
    }
    Some(rest)
}

/// Reads `$'\x72\x6d'` (ANSI-C quoting); returns the text after it.
fn escaped<'t>(text: &'t str, read: &mut String) -> Option<&'t str> {
    let mut rest = text.strip_prefix("$'")?;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\'' => return Some(rest),
            '\\' => {
                let (digits, radix) = match rest.chars().next() {
                    Some('x') => (taken(&rest[1..], 2, 16), 16),
                    Some('u') => (taken(&rest[1..], 4, 16), 16),
                    Some('0'..='7') => (taken(rest, 3, 8), 8),
                    _ => ("", 16),
                };
                let code = u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
                if let Some(c) = code {
                    read.push(c);
                    rest = &rest[digits.len() + usize::from(radix == 16)..];
                } else if rest.starts_with(['n', 't', 'r']) {
                    push_space(read);
                    rest = &rest[1..];
                }
            }
            c => read.push(c),
        }
    }
    Some(rest)
}

/// Reads `{rm,-rf,/}` as the words in it; returns the text after it.
fn braces<'t>(text: &'t str, read: &mut String) -> Option<&'t str> {
    let inside = text.strip_prefix('{')?;
    let end = inside.bytes().take(BRACES_BYTES_MAX).position(|b| b == b'}' || b == b'{' || b.is_ascii_whitespace())?;
    if inside.as_bytes()[end] != b'}' || !inside[..end].contains(',') {
        return None;
    }
    push_space(read);
    read.extend(
        inside[..end].chars().filter(|c| !matches!(c, '\'' | '"' | '\\')).map(|c| if c == ',' { ' ' } else { c }),
    );
    push_space(read);
    Some(&inside[end + 1..])
}

/// Returns the leading digits, up to `most`.
fn taken(text: &str, most: usize, radix: u32) -> &str {
    let length = text.chars().take(most).take_while(|c| c.is_digit(radix)).count();
    &text[..length]
}

fn push_space(read: &mut String) {
    if !read.is_empty() && !read.ends_with([' ', '\n']) {
        read.push(' ');
    }
}

fn push_break(read: &mut String) {
    if read.ends_with(' ') {
        read.pop();
    }
    if !read.ends_with('\n') {
        read.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_command_has_many_spellings() {
        for spelling in [
            "rm -rf /",
            "  rm \t -rf\u{a0}/",
            "r\\m -r\\f /",
            "'r'\"m\" -r''f \"/\"",
            "rm$IFS-rf$IFS/",
            "rm${IFS}-rf${IFS}/",
            "rm$IFS$9-rf$IFS$9/",
            "{rm,-rf,/}",
            "$'\\x72\\x6d' -rf $'\\57'",
            "r\u{200b}m -rf /",
            "rm -rf \\\n/",
            "r$@m -rf /",
        ] {
            assert_eq!(as_a_shell_reads(spelling).trim_end(), "rm -rf /", "{spelling:?}");
        }
    }

    #[test]
    fn lines_stay_lines_and_odd_ends_are_no_panic() {
        assert_eq!(as_a_shell_reads("a  \n\n  b"), "a\nb");
        for odd in ["$'", "$'\\", "$'\\x", "$'\\xZ", "{", "{,", "{é,}", "\\", "$", "$IFS$", "$'\\u12", "$'\\777'"] {
            as_a_shell_reads(odd);
        }
    }

    #[test]
    fn what_is_no_list_of_words_keeps_its_braces() {
        assert_eq!(as_a_shell_reads(":(){ :|:& };:"), ":(){ :|:& };:");
        assert_eq!(as_a_shell_reads("{x}"), "{x}");
    }
}
