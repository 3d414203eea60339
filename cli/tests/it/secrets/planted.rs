//! Texts that are planted in secrets and payloads, and the search for them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A part of every secret.
pub(super) const SECRET: &str = "planted0secret0here";
/// A part of every payload, and of what strangers send.
pub(super) const PAYLOAD: &str = "planted0payload0here";
/// The length at which a text that was cut off still counts as found.
const CUT_OFF: usize = 12;
/// Characters of the end of a PEM file's line: what is before them is the same in each key.
const OF_A_KEY: usize = 32;

/// Returns the secret for a setting.
pub(super) fn secret(setting: &str) -> String {
    let name: String = setting.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{SECRET}0{name}")
}

/// Forms in which something could be written that must not be.
pub(super) struct Forms(Vec<String>);

impl Forms {
    /// Returns the forms of a text: itself, and its bytes in base64, as hexadecimal digits and as numbers.
    pub(super) fn of(planted: &str) -> Self {
        let bytes = planted.as_bytes();
        let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
        let mut forms = vec![planted.to_owned(), hex::encode(bytes), numbers.join(", "), numbers.join(",")];
        // In base64 a text has three forms, by what is before it. Characters at the ends mix with the neighbours.
        forms.extend((0..3).map(|before| {
            let encoded = STANDARD.encode([&vec![0; before], bytes].concat());
            let whole = (before + bytes.len()) / 3 * 4;
            encoded[if before == 0 { 0 } else { 4 }..whole].to_owned()
        }));
        Self(forms)
    }

    /// Returns the forms of the key in this PEM file: its own text, and the key in hexadecimal digits.
    pub(super) fn of_key(pem: &str) -> Self {
        let lines = pem.lines().filter(|line| !line.starts_with('-') && line.len() >= OF_A_KEY);
        let mut forms: Vec<String> = lines.map(|line| line[line.len() - OF_A_KEY..].to_owned()).collect();
        assert!(!forms.is_empty(), "the file has a key");
        forms.extend(forms.iter().map(|form| hex::encode(STANDARD.decode(form).unwrap())).collect::<Vec<_>>());
        Self(forms)
    }

    /// Returns the forms of all texts that begin with this one, also if they are cut off.
    pub(super) fn beginning_with(planted: &str) -> Self {
        Self::of(planted).and(Self(vec![planted[..CUT_OFF].to_owned()]))
    }

    /// Adds other forms.
    pub(super) fn and(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }

    /// Returns the lines of a text that have one of these forms.
    pub(super) fn lines_with(&self, text: &str) -> Vec<String> {
        let has = |line: &&str| {
            let lower = line.to_ascii_lowercase();
            self.0.iter().any(|form| line.contains(form) || lower.contains(form))
        };
        text.lines().filter(has).map(str::to_owned).collect()
    }
}

#[test]
fn every_form_is_found() {
    let forms = Forms::beginning_with(SECRET);
    for before in ["", "a", "ab", "abc", "user:"] {
        for after in ["", "x", "xy", "@host"] {
            let text = format!("{before}{}{after}", secret("broker.proxy"));
            for written in [
                text.clone(),
                STANDARD.encode(&text),
                hex::encode(&text),
                hex::encode_upper(&text),
                format!("{:?}", text.as_bytes()),
                text.chars().take(before.len() + CUT_OFF).collect(),
            ] {
                assert_eq!(forms.lines_with(&format!("a line\nkey={written} end")).len(), 1, "{text}: {written}");
            }
        }
    }
    assert!(forms.lines_with("a planted tree, planted0payload0here").is_empty());
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/TpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END";
    assert_eq!(Forms::of_key(pem).lines_with(pem).len(), 1);
}
