//! The rule of one old column: where its value comes from, and how it is translated.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A value as the old table has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Literal {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A word, or anything that Postgres reads from text.
    Text(String),
}

impl Literal {
    /// Returns the value as a constant of this type.
    pub(super) fn sql(&self, type_name: &str) -> String {
        let text = match self {
            Self::Bool(yes) => yes.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        };
        format!("{}::{type_name}", quoted(&text))
    }
}

/// Another form of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Form {
    /// Seconds since 1970.
    EpochSeconds,
    /// Milliseconds since 1970.
    EpochMilliseconds,
    /// Text such as `2026-12-24T18:00:00Z`.
    Iso,
}

/// The rule of a column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    /// Column of the state of record.
    pub(super) from: Option<String>,
    /// Another form of a time.
    #[serde(rename = "as")]
    pub(super) form: Option<Form>,
    /// Words of the record, each with the old word for it. Others stay as they are.
    #[serde(default)]
    pub(super) values: BTreeMap<String, Literal>,
    /// The old word for all that `values` does not list.
    pub(super) other: Option<Literal>,
    /// The old value where the record has none; of a kept column, for rows that the old table does not have.
    pub(super) missing: Option<Literal>,
    /// True for a column that the record does not have: it goes on with the values of the old table.
    #[serde(default)]
    pub(super) keep: bool,
    /// The same value for every row.
    pub(super) constant: Option<Literal>,
}

impl Rule {
    /// Creates a rule that takes a column as it is.
    pub(super) fn column(name: &str) -> Self {
        Self { from: Some(name.to_owned()), ..Self::default() }
    }

    /// Checks that the parts fit together.
    pub(super) fn check(&self) -> Result<(), String> {
        let sources = [self.from.is_some(), self.keep, self.constant.is_some()];
        if sources.iter().filter(|is_given| **is_given).count() != 1 {
            return Err("give one of `from`, `keep = true` and `constant`".to_owned());
        }
        let translates = self.form.is_some() || !self.values.is_empty() || self.other.is_some();
        if self.from.is_none() && translates {
            return Err("`as`, `values` and `other` translate a column of the record: give `from`".to_owned());
        }
        if self.constant.is_some() && self.missing.is_some() {
            return Err("a constant is never missing".to_owned());
        }
        if self.form.is_some() && (!self.values.is_empty() || self.other.is_some()) {
            return Err("`as` is for times, `values` and `other` are for words: give one of them".to_owned());
        }
        let literals = self.values.values().chain(&self.other).chain(&self.missing).chain(&self.constant);
        let texts = literals.filter_map(|literal| match literal {
            Literal::Text(text) => Some(text),
            _ => None,
        });
        if texts.chain(self.values.keys()).any(|text| text.contains('\0')) {
            return Err("a value holds a zero character, which no text of Postgres can hold".to_owned());
        }
        Ok(())
    }
}

/// Quotes a text.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Quotes a name.
pub(super) fn named(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_in_texts_and_names_are_doubled() {
        assert_eq!(quoted("it's \\"), "'it''s \\'");
        assert_eq!(named("a\"b"), "\"a\"\"b\"");
        assert_eq!(Literal::Text("x'; drop".to_owned()).sql("text"), "'x''; drop'::text");
    }

    #[test]
    fn a_rule_has_one_origin() {
        assert!(Rule::column("status").check().is_ok());
        assert!(Rule::default().check().is_err());
        assert!(Rule { keep: true, ..Rule::column("status") }.check().is_err());
        let form = Some(Form::Iso);
        assert!(Rule { keep: true, form, ..Rule::default() }.check().is_err());
    }
}
