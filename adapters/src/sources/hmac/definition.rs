//! The description of a sender: `NAME header=X-Signature id=field:id type=field:type …`.

use std::borrow::Cow;
use std::time::Duration;

use apiary_settings::duration;

use super::place::{Place, header_name};
use crate::signing::Algorithm;
use crate::sources::ALL;

/// Characters of a sender's name.
const NAME_CHARS_MAX: usize = 32;
/// Characters of a prefix, and of a template.
const TEXT_CHARS_MAX: usize = 128;
const TOLERANCE_MAX: Duration = Duration::from_secs(3600);
/// Largest difference between a signature's time and this machine's clock, unless another is set.
const TOLERANCE: Duration = Duration::from_secs(300);

/// A description of a sender.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Definition {
    pub(super) name: String,
    /// The header of the signature.
    pub(super) header: Cow<'static, str>,
    pub(super) algorithm: Algorithm,
    pub(super) encoding: Encoding,
    /// The text before the signature.
    pub(super) prefix: String,
    /// The encoding of the secret in the settings; `None` if its characters are the key.
    pub(super) secret: Option<Encoding>,
    pub(super) id: Place,
    pub(super) kind: Place,
    pub(super) time: Option<Time>,
    /// Parts that are signed, in their order.
    pub(super) signed: Vec<Part>,
}

/// The time of a signature.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Time {
    pub(super) header: Cow<'static, str>,
    pub(super) tolerance: Duration,
}

/// A notation of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Hex,
    Base64,
}

/// A part of the signed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Body,
    Time,
    Id,
}

/// The options as written, before they are checked together.
#[derive(Default)]
struct Options<'t> {
    known: Vec<(&'t str, &'t str)>,
}

/// Every option.
const OPTIONS: [&str; 10] =
    ["header", "algorithm", "encoding", "prefix", "secret", "id", "type", "timestamp", "tolerance", "signed"];

impl Definition {
    /// Reads a description. The error does not name its position.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let name = words.next().unwrap_or_default();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if !name.starts_with(|c: char| c.is_ascii_lowercase())
            || !name.chars().all(plain)
            || name.len() > NAME_CHARS_MAX
        {
            return Err("does not begin with a name of up to 32 lower-case letters and digits".to_owned());
        }
        if ALL.iter().any(|source| source.name() == name) {
            return Err(format!("is named `{name}`, which is a source of its own: choose another name"));
        }
        let options = Options::read(words)?;
        let id = options.place("id")?.filter(|place| !matches!(place, Place::Always(_)));
        let id = id.ok_or("has no `id`: write `id=field:PATH`, `id=header:NAME` or `id=digest`")?;
        let kind = options.place("type")?.filter(|place| *place != Place::Digest);
        let kind = kind.ok_or("has no `type`: write `type=field:PATH`, `type=header:NAME` or `type=always:TEXT`")?;
        let header = options.header("header")?.ok_or("has no `header`: name the header of the signature")?;
        let time = options.time()?;
        let signed = options.signed(time.is_some())?;
        let prefix = options.get("prefix").unwrap_or_default();
        if prefix.len() > TEXT_CHARS_MAX {
            return Err(format!("has a `prefix` of more than {TEXT_CHARS_MAX} characters"));
        }
        if signed.contains(&Part::Id) && !matches!(id, Place::Header(_)) {
            return Err("signs `{id}`, which stands in no header: write `id=header:NAME`".to_owned());
        }
        Ok(Self {
            name: name.to_owned(),
            header,
            algorithm: options.word("algorithm", &[("sha256", Algorithm::Sha256), ("sha512", Algorithm::Sha512)])?,
            encoding: options.word("encoding", &[("hex", Encoding::Hex), ("base64", Encoding::Base64)])?,
            prefix: prefix.to_owned(),
            secret: options
                .word("secret", &[("text", None), ("hex", Some(Encoding::Hex)), ("base64", Some(Encoding::Base64))])?,
            id,
            kind,
            time,
            signed,
        })
    }
}

impl<'t> Options<'t> {
    fn read(words: impl Iterator<Item = &'t str>) -> Result<Self, String> {
        let mut options = Self::default();
        for word in words {
            // A value may hold `=` itself: `prefix=sha256=`.
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            if !OPTIONS.contains(&name) {
                let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
                return Err(format!("has the unknown option `{shown}`: there are {}", OPTIONS.join(", ")));
            }
            if options.get(name).is_some() {
                return Err(format!("sets `{name}` twice"));
            }
            options.known.push((name, value));
        }
        Ok(options)
    }

    fn get(&self, name: &str) -> Option<&'t str> {
        self.known.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// Returns the value of a word; the first of `values` if it is not set.
    fn word<T: Copy>(&self, name: &str, values: &[(&str, T)]) -> Result<T, String> {
        let text = self.get(name).unwrap_or_else(|| values.first().map_or("", |(word, _)| word));
        let found = values.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        let words: Vec<&str> = values.iter().map(|(word, _)| *word).collect();
        found.ok_or_else(|| format!("has another `{name}` than {}", words.join(" or ")))
    }

    fn place(&self, name: &str) -> Result<Option<Place>, String> {
        let read = |text| Place::read(text).map_err(|advice| format!("has an invalid `{name}`: {advice}"));
        self.get(name).map(read).transpose()
    }

    fn header(&self, name: &str) -> Result<Option<Cow<'static, str>>, String> {
        let read = |text| header_name(text).map_err(|advice| format!("has an invalid `{name}`: {advice}"));
        self.get(name).map(read).transpose()
    }

    fn time(&self) -> Result<Option<Time>, String> {
        let tolerance = match self.get("tolerance") {
            Some(text) => duration(text).map_err(|advice| format!("has an invalid `tolerance`: {advice}"))?,
            None => TOLERANCE,
        };
        if tolerance < Duration::from_secs(1) || tolerance > TOLERANCE_MAX {
            return Err("has a `tolerance` outside 1s to 1h".to_owned());
        }
        match self.header("timestamp")? {
            Some(header) => Ok(Some(Time { header, tolerance })),
            None if self.get("tolerance").is_some() => {
                Err("has a `tolerance` and no `timestamp`: name the header of the signature's time".to_owned())
            }
            None => Ok(None),
        }
    }

    /// Reads the template of what is signed, such as `{timestamp}.{body}`.
    fn signed(&self, has_time: bool) -> Result<Vec<Part>, String> {
        let own = if has_time { "{timestamp}.{body}" } else { "{body}" };
        let mut rest = self.get("signed").unwrap_or(own);
        if rest.len() > TEXT_CHARS_MAX {
            return Err(format!("has a `signed` of more than {TEXT_CHARS_MAX} characters"));
        }
        let names = [("{body}", Part::Body), ("{timestamp}", Part::Time), ("{id}", Part::Id)];
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let found = names
                .iter()
                .filter_map(|(name, part)| Some((rest.find(name)?, name, part)))
                .min_by_key(|found| found.0);
            let (at, name, part) = match found {
                Some((at, name, part)) => (at, *name, Some(part.clone())),
                None => (rest.len(), "", None),
            };
            let text = rest.get(..at).unwrap_or_default();
            if text.contains(['{', '}']) {
                return Err("has a `signed` with other braces than {body}, {timestamp} and {id}".to_owned());
            }
            parts.extend((!text.is_empty()).then(|| Part::Text(text.to_owned())));
            parts.extend(part);
            rest = rest.get(at + name.len()..).unwrap_or_default();
        }
        if !parts.contains(&Part::Body) {
            return Err("has a `signed` without {body}: anybody could change the event".to_owned());
        }
        if parts.contains(&Part::Time) != has_time {
            return Err("has a `timestamp` that is not signed, or signs one that has no header: name the header with \
                        `timestamp=NAME`, and write {timestamp} into `signed`"
                .to_owned());
        }
        Ok(parts)
    }
}
