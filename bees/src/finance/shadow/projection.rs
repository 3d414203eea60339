//! The rows of an old table, as one query over the state of record.

use std::collections::BTreeMap;

use super::catalog::{self, Column};
use super::error::ShadowError;
use super::expression;
use super::mapping::TableMapping;
use super::rule::{Rule, named, quoted};
use super::sources::Source;
use super::transaction::Transaction;

/// An old table's columns, each with its value in the state of record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Projection {
    /// Columns of the old table, in order.
    pub(super) old: Vec<Column>,
    /// Values by old column: those of the record, and constants.
    values: BTreeMap<String, String>,
    /// Columns that are compared: those with a value of the record or a constant, without the key and the time of the change.
    pub(super) compared: Vec<String>,
    /// Columns that the record does not have.
    pub(super) kept: Vec<String>,
    /// Columns that the mapping does not name.
    pub(super) unlisted: Vec<String>,
    /// True if columns of the object's own row are used beside those of a view.
    uses_base: bool,
    relation: String,
    /// Join of each object's own row; empty where the relation is that already.
    join: String,
    filter: String,
    /// Prefix of the object's own row.
    own: &'static str,
}

/// Columns of the state of record, with the prefix of each.
struct Origins {
    relation: Vec<Column>,
    base: Vec<Column>,
}

impl Origins {
    /// Returns a column with its place; true if it is in the base alone.
    fn find(&self, name: &str) -> Option<(String, &Column, bool)> {
        [("r", &self.relation, false), ("b", &self.base, true)].into_iter().find_map(|(prefix, columns, is_of_base)| {
            let found = columns.iter().find(|column| column.name == name)?;
            Some((format!("{prefix}.{}", named(name)), found, is_of_base))
        })
    }

    fn need(&self, name: &str, record: &str) -> Result<(String, &Column, bool), String> {
        self.find(name).ok_or_else(|| {
            let names = self.relation.iter().chain(&self.base).map(|column| column.name.as_str());
            let names = names.filter(|name| !name.ends_with("_version")).collect::<std::collections::BTreeSet<_>>();
            let names = names.into_iter().collect::<Vec<_>>().join(", ");
            format!("`{record}` has no column `{name}`; it has {names}")
        })
    }
}

impl Projection {
    /// Reads the columns of both sides, and makes the query.
    pub(super) async fn read(transaction: &mut Transaction, table: &TableMapping) -> Result<Self, ShadowError> {
        Self::read_from(transaction, table, &table.name).await
    }

    /// Reads the columns as [`Self::read`] does, of a table with another name.
    pub(super) async fn read_from(
        transaction: &mut Transaction,
        table: &TableMapping,
        name: &str,
    ) -> Result<Self, ShadowError> {
        let old = catalog::columns(transaction, &table.schema, name).await?;
        if old.is_empty() {
            return Err(ShadowError::Usage(format!("there is no table {}.{name}", table.schema)));
        }
        let relation = catalog::columns(transaction, "public", table.source.relation).await?;
        let base = match table.source.is_view() {
            true => catalog::columns(transaction, "public", table.source.base).await?,
            false => Vec::new(),
        };
        if relation.is_empty() {
            let words = "tables of the state of record are missing: apply deploy/supabase/migrations";
            return Err(ShadowError::Usage(format!("public.{}: {words}", table.source.relation)));
        }
        let origins = Origins { relation, base };
        Self::new(table, old, &origins).map_err(|words| ShadowError::Usage(format!("table `{}`: {words}", table.old())))
    }

    fn new(table: &TableMapping, old: Vec<Column>, origins: &Origins) -> Result<Self, String> {
        let names = table.columns.keys().chain(table.changed.as_ref().map(|changed| &changed.column));
        for name in names {
            if !old.iter().any(|column| column.name == *name) {
                return Err(format!("it has no column `{name}`"));
            }
        }
        let source = table.source;
        let (filter, filters_base) = filter(table, origins)?;
        let mut made = Self {
            values: BTreeMap::new(),
            compared: Vec::new(),
            kept: Vec::new(),
            unlisted: Vec::new(),
            uses_base: filters_base,
            relation: format!("public.{}", named(source.relation)),
            join: if source.is_view() { join(source) } else { String::new() },
            filter,
            own: if source.is_view() { "b" } else { "r" },
            old: Vec::new(),
        };
        for column in &old {
            made.add(table, origins, column).map_err(|words| format!("column `{}`: {words}", column.name))?;
        }
        made.old = old;
        Ok(made)
    }

    fn add(&mut self, table: &TableMapping, origins: &Origins, column: &Column) -> Result<(), String> {
        let name = column.name.clone();
        match table.rule(&name) {
            None => self.unlisted.push(name),
            Some(Rule { keep: true, .. }) => self.kept.push(name),
            Some(Rule { constant: Some(literal), .. }) => {
                self.values.insert(name.clone(), literal.sql(&column.type_name));
                self.compared.push(name);
            }
            Some(rule) => {
                let from = rule.from.as_deref().unwrap_or_default();
                let (place, found, is_of_base) = origins.need(from, table.source.name)?;
                self.values.insert(name.clone(), expression::value(&place, found, rule, column)?);
                self.uses_base |= is_of_base;
                if table.columns.contains_key(&name) && name != table.key {
                    self.compared.push(name);
                }
            }
        }
        Ok(())
    }

    /// Returns the value of an old column over the record; `None` for one that is kept or not listed.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Returns `FROM` and `WHERE` of the record's rows, with each object's own row.
    pub(super) fn rows(&self) -> String {
        format!("from {} as r{} where {}", self.relation, self.join, self.filter)
    }

    /// Returns a column of the old table.
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.old.iter().find(|column| column.name == name)
    }

    /// Returns the place of a column of each object's own row.
    pub(super) fn own(&self, column: &str) -> String {
        format!("{}.{column}", self.own)
    }

    /// Returns the query of the view: the old columns in their order. `definition` stands for a view of the record.
    pub(super) fn view(&self, table: &TableMapping, kept_table: &str, definition: Option<&str>) -> String {
        let columns = self.old.iter().map(|column| {
            let name = named(&column.name);
            let value = match self.values.get(&column.name) {
                Some(value) => value.clone(),
                None => kept_value(table, column),
            };
            // Of the same collation, or statements that the app has prepared fail: a collation is part of their results.
            format!("\n  {} as {name}", expression::collated(&value, column))
        });
        let columns = columns.collect::<Vec<_>>().join(",");
        let relation = definition.map_or_else(|| self.relation.clone(), |query| format!("({query})"));
        let join = if self.uses_base { self.join.as_str() } else { "" };
        let key = self.column(&table.key);
        let key = key.and_then(|column| Some(expression::collated(self.values.get(&table.key)?, column)));
        let kept = match (self.kept.is_empty(), key) {
            (false, Some(key)) => {
                let kept = table.place(kept_table);
                format!("\nleft join {kept} as k on k.{} = {key}", named(&table.key))
            }
            _ => String::new(),
        };
        format!("select{columns}\nfrom {relation} as r{join}{kept}\nwhere {}", self.filter)
    }
}

fn join(source: &Source) -> String {
    format!(
        " join public.{} as b on b.account = r.account and b.livemode = r.livemode and b.id = r.{}",
        named(source.base),
        named(source.id)
    )
}

/// Returns the value of a column that the record does not have.
fn kept_value(table: &TableMapping, column: &Column) -> String {
    let place = format!("k.{}", named(&column.name));
    match table.missing(&column.name) {
        Some(missing) => {
            let missing = missing.sql(&column.type_name);
            format!("case when k.{} is null then {missing} else {place} end", named(&table.key))
        }
        None => place,
    }
}

/// Returns the condition of the record's rows; true if it uses columns of the base.
fn filter(table: &TableMapping, origins: &Origins) -> Result<(String, bool), String> {
    let livemode = if table.livemode { "r.livemode" } else { "not r.livemode" };
    let mut filter = format!("r.account = {} and {livemode}", quoted(&table.account));
    let mut uses_base = false;
    for (name, words) in &table.leave_out {
        let (place, _, is_of_base) =
            origins.need(name, table.source.name).map_err(|words| format!("`leave_out`: {words}"))?;
        let words = words.iter().map(|word| word.sql("text")).collect::<Vec<_>>().join(", ");
        filter.push_str(&format!(" and ({place}::text = any (array[{words}]::text[])) is not true"));
        uses_base |= is_of_base;
    }
    Ok((filter, uses_base))
}
