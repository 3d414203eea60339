//! Arguments that do not fit their schema.

use std::fmt;

use boon::{ErrorKind, Type, Types, ValidationError};
use serde_json::Value;

use super::shown;

/// A field that does not fit.
#[derive(Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The field, as a JSON Pointer (RFC 6901); empty for the whole document.
    pub pointer: String,
    /// The reason. Holds no values of the document, only names of fields that the schema does not know.
    pub why: Why,
}

/// The reason why a field does not fit.
#[derive(Debug, PartialEq, Eq)]
pub enum Why {
    /// Required fields that are missing.
    Missing(Vec<String>),
    /// Fields that the schema does not know.
    Unknown(Vec<String>),
    /// Another keyword of the schema that is not satisfied.
    Keyword {
        /// The schema's keyword: `maximum`.
        keyword: &'static str,
        /// The misfit in words.
        words: String,
    },
}

impl Misfit {
    pub(super) fn of(error: &ValidationError<'_, '_>) -> Self {
        let leaf = leaf(error);
        Self { pointer: leaf.instance_location.to_string(), why: Why::of(&leaf.kind) }
    }
}

/// Returns the first specific cause, below errors that only group others.
fn leaf<'e, 's, 'v>(error: &'e ValidationError<'s, 'v>) -> &'e ValidationError<'s, 'v> {
    let is_around = matches!(
        error.kind,
        ErrorKind::Group
            | ErrorKind::Schema { .. }
            | ErrorKind::Reference { .. }
            | ErrorKind::ContentSchema
            | ErrorKind::AllOf
    );
    match error.causes.first() {
        Some(cause) if is_around => leaf(cause),
        _ => error,
    }
}

impl Why {
    fn of(kind: &ErrorKind<'_, '_>) -> Self {
        let keyword = |keyword, words: String| Self::Keyword { keyword, words };
        match kind {
            ErrorKind::Required { want } => Self::Missing(owned(want)),
            ErrorKind::AdditionalProperties { got } => Self::Unknown(got.iter().map(|name| name.to_string()).collect()),
            ErrorKind::Dependency { missing, .. } | ErrorKind::DependentRequired { missing, .. } => {
                Self::Missing(owned(missing))
            }
            ErrorKind::Type { got, want } => {
                keyword("type", format!("is {}, and must be {}", article(*got), types(*want)))
            }
            ErrorKind::Enum { want } => keyword("enum", format!("must be one of {}", constants(want))),
            ErrorKind::Const { want } => keyword("const", format!("must be {}", shown(&want.to_string()))),
            ErrorKind::Format { want, .. } => keyword("format", format!("is not in the format `{want}`")),
            ErrorKind::MinProperties { got, want } => {
                keyword("minProperties", format!("has {got} fields, and must have {want} at the least"))
            }
            ErrorKind::MaxProperties { got, want } => {
                keyword("maxProperties", format!("has {got} fields, and may have {want} at the most"))
            }
            ErrorKind::MinItems { got, want } => {
                keyword("minItems", format!("has {got} items, and must have {want} at the least"))
            }
            ErrorKind::MaxItems { got, want } => {
                keyword("maxItems", format!("has {got} items, and may have {want} at the most"))
            }
            ErrorKind::AdditionalItems { .. } => keyword("items", "has more items than the schema knows".to_owned()),
            ErrorKind::Contains | ErrorKind::MinContains { .. } => {
                keyword("contains", "has too few items that fit `contains`".to_owned())
            }
            ErrorKind::MaxContains { .. } => {
                keyword("maxContains", "has too many items that fit `contains`".to_owned())
            }
            ErrorKind::UniqueItems { got: [one, other] } => {
                keyword("uniqueItems", format!("has equal items at {one} and {other}"))
            }
            ErrorKind::MinLength { got, want } => {
                keyword("minLength", format!("has {got} characters, and must have {want} at the least"))
            }
            ErrorKind::MaxLength { got, want } => {
                keyword("maxLength", format!("has {got} characters, and may have {want} at the most"))
            }
            ErrorKind::Pattern { want, .. } => {
                keyword("pattern", format!("does not match the pattern `{}`", shown(want)))
            }
            ErrorKind::Minimum { want, .. } => keyword("minimum", format!("is less than the minimum of {want}")),
            ErrorKind::Maximum { want, .. } => keyword("maximum", format!("is more than the maximum of {want}")),
            ErrorKind::ExclusiveMinimum { want, .. } => {
                keyword("exclusiveMinimum", format!("must be more than {want}"))
            }
            ErrorKind::ExclusiveMaximum { want, .. } => {
                keyword("exclusiveMaximum", format!("must be less than {want}"))
            }
            ErrorKind::MultipleOf { want, .. } => keyword("multipleOf", format!("is no multiple of {want}")),
            ErrorKind::PropertyName { .. } => {
                keyword("propertyNames", "has a field whose name does not fit".to_owned())
            }
            ErrorKind::FalseSchema => keyword("false", "must not be there".to_owned()),
            ErrorKind::Not => keyword("not", "fits what it must not fit".to_owned()),
            ErrorKind::AnyOf => keyword("anyOf", "fits none of the schemas of `anyOf`".to_owned()),
            ErrorKind::OneOf(None) => keyword("oneOf", "fits none of the schemas of `oneOf`".to_owned()),
            ErrorKind::OneOf(Some(_)) => keyword("oneOf", "fits more than one of the schemas of `oneOf`".to_owned()),
            ErrorKind::ContentEncoding { want, .. } => {
                keyword("contentEncoding", format!("is not encoded as `{want}`"))
            }
            ErrorKind::ContentMediaType { want, .. } => keyword("contentMediaType", format!("is not `{want}`")),
            ErrorKind::RefCycle { .. } => keyword("$ref", "is checked by a schema that refers to itself".to_owned()),
            ErrorKind::Group
            | ErrorKind::Schema { .. }
            | ErrorKind::Reference { .. }
            | ErrorKind::ContentSchema
            | ErrorKind::AllOf => keyword("schema", "does not fit".to_owned()),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(names) => write!(f, "lacks {}", quoted(names)),
            Self::Unknown(names) => write!(f, "has fields that the schema does not know: {}", shown(&names.join(", "))),
            Self::Keyword { words, .. } => f.write_str(words),
        }
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn quoted(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    shown(&quoted.join(", "))
}

fn constants(values: &[Value]) -> String {
    let values: Vec<String> = values.iter().map(Value::to_string).collect();
    shown(&values.join(", "))
}

fn types(types: Types) -> String {
    types.iter().map(article).collect::<Vec<_>>().join(" or ")
}

fn article(of: Type) -> &'static str {
    match of {
        Type::Null => "null",
        Type::Boolean => "a boolean",
        Type::Number => "a number",
        Type::Integer => "an integer",
        Type::String => "a string",
        Type::Array => "an array",
        Type::Object => "an object",
    }
}
