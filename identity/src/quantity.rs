//! Amounts of cpu and memory: text with a unit on the outside, an exact whole number inside.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::QuantityError;
use crate::limits::QUANTITY_BYTES_MAX;

/// An amount of processor time, in millicores; 1000 are one core. More than zero.
///
/// Written `"4"` or `"0.5"` (cores) or `"500m"` (millicores), printed in millicores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpu(i64);

/// An amount of memory, in bytes. More than zero.
///
/// Written `"1000"`, or with a unit, `"10Gi"`, `"10GB"`, `"1.5Gi"`; printed in the shortest of its exact spellings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Memory(i64);

/// The properties of one kind of amount.
struct Kind {
    /// The kind's name.
    name: &'static str,
    /// Error text for an amount that is not a whole number of the smallest unit.
    counted_in: &'static str,
    /// Error text with the accepted forms.
    accepted: &'static str,
    /// Returns the number of smallest units in a unit, or `None` for an unknown unit.
    unit: fn(&str) -> Option<i128>,
}

const CPU: Kind = Kind {
    name: "cpu",
    counted_in: "it is no whole number of millicores",
    accepted: "write cores as \"4\" or \"0.5\", or millicores as \"500m\"",
    unit: cpu_unit,
};

const MEMORY: Kind = Kind {
    name: "memory",
    counted_in: "it is no whole number of bytes",
    accepted: "write bytes as \"1000\", or with one of k M G T P (1000) or Ki Mi Gi Ti Pi (1024), as in \"10Gi\" or \"10GB\"",
    unit: memory_unit,
};

/// Bytes of each unit. Of two equally short spellings, the first is printed.
const MEMORY_UNITS: [(&str, i64); 12] = [
    ("", 1),
    ("k", 1000),
    ("K", 1000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("P", 1_000_000_000_000_000),
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("Pi", 1 << 50),
];

impl Cpu {
    /// Creates an amount from millicores, more than zero.
    pub fn from_millicores(millicores: i64) -> Result<Self, QuantityError> {
        CPU.positive(millicores, || format!("{millicores}m")).map(Self)
    }

    /// Returns the millicores.
    pub fn millicores(self) -> i64 {
        self.0
    }
}

impl Memory {
    /// Creates an amount from bytes, more than zero.
    pub fn from_bytes(bytes: i64) -> Result<Self, QuantityError> {
        MEMORY.positive(bytes, || bytes.to_string()).map(Self)
    }

    /// Returns the bytes.
    pub fn bytes(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}m", self.0)
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = MEMORY_UNITS.iter().filter(|(_, bytes)| self.0 % bytes == 0);
        let spellings = exact.map(|(unit, bytes)| format!("{}{unit}", self.0 / bytes));
        f.write_str(&spellings.min_by_key(String::len).unwrap_or_default())
    }
}

impl Kind {
    /// Reads an amount. Unreadable text is an error: a default of zero would match every offer.
    fn read(&self, text: &str) -> Result<i64, QuantityError> {
        let refuse = |problem| Err(self.refusal(text, problem));
        if text.is_empty() {
            return refuse("it is empty");
        }
        if text.len() > QUANTITY_BYTES_MAX {
            return refuse("it is too long");
        }
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
            return refuse("it does not begin with a number");
        }
        let Some(each) = (self.unit)(unit) else {
            return refuse("its unit is unknown");
        };
        // Integer arithmetic, because 0.1 has no exact float: the digits without the point, divided by a power of ten.
        let fraction = fraction.trim_end_matches('0');
        let digits: Option<i128> = format!("{whole}{fraction}").parse().ok();
        let parts = u32::try_from(fraction.len()).ok().and_then(|places| 10_i128.checked_pow(places));
        let (Some(total), Some(parts)) = (digits.and_then(|digits| digits.checked_mul(each)), parts) else {
            return refuse("it is more than can be counted");
        };
        if total % parts != 0 {
            return refuse(self.counted_in);
        }
        match i64::try_from(total / parts) {
            Ok(amount) => self.positive(amount, || text.to_owned()),
            Err(_) => refuse("it is more than can be counted"),
        }
    }

    fn positive(&self, amount: i64, text: impl FnOnce() -> String) -> Result<i64, QuantityError> {
        match amount {
            1.. => Ok(amount),
            0 => Err(self.refusal(&text(), "it is zero (to ask for none, leave it out)")),
            _ => Err(self.refusal(&text(), "it is negative")),
        }
    }

    fn refusal(&self, text: &str, problem: &'static str) -> QuantityError {
        QuantityError::new(self.name, text, problem, self.accepted)
    }
}

/// Implements the text and JSON forms, the same for both kinds.
macro_rules! text_forms {
    ($type:ident, $kind:ident) => {
        impl FromStr for $type {
            type Err = QuantityError;

            fn from_str(text: &str) -> Result<Self, QuantityError> {
                $kind.read(text).map(Self)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Text { kind: &$kind, amount: PhantomData })
            }
        }
    };
}

text_forms!(Cpu, CPU);
text_forms!(Memory, MEMORY);

/// Visitor that reads an amount from a JSON string. A JSON number is refused: 4 could mean cores or millicores.
struct Text<T> {
    kind: &'static Kind,
    amount: PhantomData<T>,
}

impl<T> Text<T> {
    fn number<E: serde::de::Error>(&self) -> E {
        E::custom(format_args!("a bare number is no amount of {}: {}", self.kind.name, self.kind.accepted))
    }
}

impl<T: FromStr<Err = QuantityError>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an amount of {} as text: {}", self.kind.name, self.kind.accepted)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<T, E> {
        Err(self.number())
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<T, E> {
        Err(self.number())
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<T, E> {
        Err(self.number())
    }
}

/// Reads an optional amount, and puts the field's name into the error.
pub(crate) fn named<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
    field: &'static str,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer).map_err(|error| D::Error::custom(format_args!("`{field}`: {error}")))
}

fn cpu_unit(unit: &str) -> Option<i128> {
    match unit {
        "" => Some(1000),
        "m" => Some(1),
        _ => None,
    }
}

fn memory_unit(unit: &str) -> Option<i128> {
    let unit = unit.strip_suffix('B').unwrap_or(unit);
    MEMORY_UNITS.iter().find(|(name, _)| *name == unit).map(|(_, bytes)| i128::from(*bytes))
}
