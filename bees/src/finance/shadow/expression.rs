//! The value of an old column as SQL over the state of record, in the old column's type.
//!
//! A view must not fail because of one row: a value that does not fit into the old type becomes null, and the report
//! shows the row.

use super::catalog::Column;
use super::rule::{Form, Literal, Rule};

/// Shape of a UUID.
const UUID: &str = "'^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'";

/// Returns the value of `from`, a column of the record at `place`, for the column `old`.
pub(super) fn value(place: &str, from: &Column, rule: &Rule, old: &Column) -> Result<String, String> {
    let value = translated(place, from, rule, old)?;
    // A `case` loses the length, and statements that the app has prepared fail with another type.
    Ok(if old.is_limited { format!("({value})::{}", old.type_name) } else { value })
}

fn translated(place: &str, from: &Column, rule: &Rule, old: &Column) -> Result<String, String> {
    if old.is_domain {
        return Err(format!("its type {} is a domain, which is not translated", old.type_name));
    }
    let plain = match rule.form {
        Some(form) => time(place, from, form, old)?,
        None if rule.values.is_empty() || rule.other.is_none() => converted(place, from, old)?,
        // Every value is a word of the mapping.
        None => String::new(),
    };
    if rule.values.is_empty() && rule.other.is_none() && rule.missing.is_none() {
        return Ok(plain);
    }
    let sql = |literal: &Literal| literal.sql(&old.type_name);
    let missing = rule.missing.as_ref().map_or_else(|| "null".to_owned(), sql);
    let words = rule
        .values
        .iter()
        .map(|(word, literal)| format!(" when {place}::text = {} then {}", super::rule::quoted(word), sql(literal)));
    let other = rule.other.as_ref().map_or(plain, sql);
    Ok(format!("case when {place} is null then {missing}{} else {other} end", words.collect::<String>()))
}

fn time(place: &str, from: &Column, form: Form, old: &Column) -> Result<String, String> {
    if from.base != "timestamptz" {
        return Err(format!("`as` is for times, and `{}` is of type {}", from.name, from.type_name));
    }
    let seconds = format!("extract(epoch from {place})");
    let (number, needed) = match form {
        Form::EpochSeconds => (format!("{seconds}::bigint"), "int8"),
        Form::EpochMilliseconds => (format!("({seconds} * 1000)::bigint"), "int8"),
        Form::Iso => (format!("to_char({place} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"), "text"),
    };
    let made = Column { base: needed.to_owned(), type_name: needed.to_owned(), ..from.clone() };
    converted(&format!("({number})"), &made, old)
}

/// Returns a value in the type of the old column.
fn converted(place: &str, from: &Column, old: &Column) -> Result<String, String> {
    let (source, target, name) = (from.base.as_str(), old.base.as_str(), &old.type_name);
    let within =
        |least: i64, most: i64| format!("case when {place} between {least} and {most} then {place}::{name} end");
    Ok(match (source, target) {
        ("timestamptz", "timestamp") => format!("({place} at time zone 'UTC')::{name}"),
        ("timestamptz", "date") => format!("({place} at time zone 'UTC')::date"),
        ("timestamptz", "text" | "varchar" | "bpchar" | "int4" | "int8" | "numeric" | "float8") => {
            return Err("it is no time: give `as = \"epoch_seconds\"`, \"epoch_milliseconds\" or \"iso\"".to_owned());
        }
        ("text", _) if old.is_enum => {
            format!("case when {place} = any (enum_range(null::{name})::text[]) then {place}::{name} end")
        }
        ("text", "uuid") => format!("case when {place} ~ {UUID} then {place}::uuid end"),
        ("int8", "int2") => within(i16::MIN.into(), i16::MAX.into()),
        ("int8", "int4") => within(i32::MIN.into(), i32::MAX.into()),
        ("int8", "numeric") if !old.is_limited => format!("{place}::numeric"),
        ("int8", "float8") => format!("{place}::float8"),
        ("jsonb", "json") => format!("{place}::json"),
        // A cast would cut the text.
        (_, "varchar") if old.is_limited => {
            format!("case when {place}::text::{name}::text = {place}::text then {place}::text::{name} end")
        }
        (_, "bpchar") if old.is_limited => {
            format!("case when {place}::text::{name}::text = rtrim({place}::text, ' ') then {place}::text::{name} end")
        }
        (_, "text" | "varchar" | "bpchar") => format!("{place}::text::{name}"),
        (source, target) if source == target => format!("{place}::{name}"),
        _ => {
            return Err(format!(
                "`{}` of the record is of type {}, which is not turned into {name}",
                from.name, from.type_name
            ));
        }
    })
}

/// Returns a value in a form that can be compared: JSON has no equality, and texts may have two orders.
pub(super) fn comparable(place: &str, old: &Column) -> String {
    match old.base.as_str() {
        "json" => format!("{place}::jsonb"),
        "text" | "varchar" => format!("{place} collate \"C\""),
        _ => place.to_owned(),
    }
}

/// Returns a value with the collation of the old column: two columns with collations of their own cannot be compared.
pub(super) fn collated(place: &str, old: &Column) -> String {
    match &old.collation {
        Some(collation) => format!("({place}) collate {collation}"),
        None => place.to_owned(),
    }
}

/// Returns the time of an old column; the inverse of the forms.
pub(super) fn instant(place: &str, rule: &Rule, old: &Column) -> Result<String, String> {
    Ok(match (old.base.as_str(), rule.form) {
        ("timestamptz", None) => place.to_owned(),
        ("timestamp", None) => format!("{place} at time zone 'UTC'"),
        ("int4" | "int8" | "numeric" | "float8", Some(Form::EpochSeconds)) => format!("to_timestamp({place}::float8)"),
        ("int8" | "numeric" | "float8", Some(Form::EpochMilliseconds)) => {
            format!("to_timestamp({place}::float8 / 1000)")
        }
        (_, Some(Form::Iso)) => return Err("a text is no time by which changes are told".to_owned()),
        _ => {
            return Err(format!(
                "its type is {}: a time, or a number with `as = \"epoch_seconds\"` or \"epoch_milliseconds\"",
                old.type_name
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(base: &str) -> Column {
        Column {
            name: "c".to_owned(),
            type_name: base.to_owned(),
            base: base.to_owned(),
            is_enum: false,
            is_domain: false,
            not_null: false,
            has_default: false,
            is_generated: false,
            is_always: false,
            is_limited: false,
            collation: None,
        }
    }

    fn sql(from: &str, rule: &Rule, old: &str) -> Result<String, String> {
        value("r.c", &column(from), rule, &column(old))
    }

    #[test]
    fn a_value_is_turned_into_the_old_type_only_where_it_fits() {
        let plain = Rule::column("c");
        assert_eq!(sql("text", &plain, "text").unwrap(), "r.c::text::text");
        assert_eq!(
            sql("int8", &plain, "int4").unwrap(),
            "case when r.c between -2147483648 and 2147483647 then r.c::int4 end"
        );
        assert!(sql("text", &plain, "uuid").unwrap().starts_with("case when r.c ~"));
        assert!(sql("timestamptz", &plain, "int8").unwrap_err().contains("epoch_seconds"));
        assert!(sql("text", &plain, "bool").unwrap_err().contains("not turned into bool"));
        let seconds = Rule { form: Some(Form::EpochSeconds), ..plain.clone() };
        assert!(sql("timestamptz", &seconds, "int4").unwrap().contains("extract(epoch from r.c)"));
        assert!(sql("text", &seconds, "int4").unwrap_err().contains("is for times"));
    }

    #[test]
    fn words_are_translated_and_others_stay() {
        let text = |word: &str| Literal::Text(word.to_owned());
        let values = [("price_1".to_owned(), text("pro"))].into();
        let rule = Rule { values, missing: Some(text("free")), ..Rule::column("c") };
        assert_eq!(
            sql("text", &rule, "text").unwrap(),
            "case when r.c is null then 'free'::text when r.c::text = 'price_1' then 'pro'::text else r.c::text::text end"
        );
        let rule = Rule { other: Some(Literal::Bool(false)), ..rule };
        assert!(sql("text", &rule, "bool").unwrap().ends_with("else 'false'::bool end"));
    }
}
