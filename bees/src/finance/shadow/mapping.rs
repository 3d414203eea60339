//! The mapping file: which old tables and columns stand for which of the state of record.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::limits::SHADOW_TABLES_MAX;
use super::error::ShadowError;
use super::rule::{Literal, Rule, named};
use super::sources::{SOURCES, Source};

/// Bytes of a name in Postgres.
const NAME_BYTES_MAX: usize = 63;
/// Ending of the old table's name after the cutover.
const KEPT: &str = "_before_apiary";
/// Ending of the name of a view that is made to try it, and rolled back.
const TRIAL: &str = "_apiary_trial";

/// Old tables, with the gates that a cutover has to pass.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Rows whose last change is younger than this are not settled.
    pub lag: Duration,
    /// Time for which reports must have been clean before a cutover.
    pub clean_for: Duration,
    /// Number of rows of each table that must agree before a cutover.
    pub rows_min: u64,
    /// The tables.
    pub tables: Vec<TableMapping>,
}

/// An old table.
#[derive(Clone, Debug)]
pub struct TableMapping {
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) livemode: bool,
    pub(super) account: String,
    pub(super) source: &'static Source,
    /// Old column of the object's id.
    pub(super) key: String,
    /// Old column of the last change.
    pub(super) changed: Option<Changed>,
    pub(super) leave_out: BTreeMap<String, Vec<Literal>>,
    pub(super) may_stop: Vec<String>,
    pub(super) without: Vec<String>,
    pub(super) columns: BTreeMap<String, Rule>,
    /// The parts that decide which rows and values there are, in one form: a cutover belongs to it.
    pub(super) text: String,
}

/// Old column of the last change.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Changed {
    pub(super) column: String,
    pub(super) rule: Rule,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "yes")]
    livemode: bool,
    #[serde(default)]
    account: String,
    lag: Option<String>,
    clean_for: Option<String>,
    rows_min: Option<u64>,
    #[serde(default)]
    table: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    old: String,
    record: String,
    key: String,
    changed: Option<toml::Value>,
    #[serde(default)]
    leave_out: BTreeMap<String, Vec<Literal>>,
    #[serde(default)]
    may_stop: Vec<String>,
    #[serde(default)]
    without: Vec<String>,
    columns: BTreeMap<String, toml::Value>,
}

fn yes() -> bool {
    true
}

impl Mapping {
    /// Reads a mapping file.
    ///
    /// # Errors
    ///
    /// [`ShadowError::Usage`] names the part that is wrong.
    pub fn read(text: &str) -> Result<Self, ShadowError> {
        let file: File =
            toml::from_str(text).map_err(|error| ShadowError::Usage(error.to_string().trim_end().to_owned()))?;
        if file.table.is_empty() {
            return Err(ShadowError::Usage("no `[[table]]` is given".to_owned()));
        }
        if file.table.len() > SHADOW_TABLES_MAX {
            return Err(ShadowError::Usage(format!("at most {SHADOW_TABLES_MAX} tables go into one mapping")));
        }
        let mut mapping = Self {
            lag: duration("lag", file.lag.as_deref(), Duration::from_secs(60))?,
            clean_for: duration("clean_for", file.clean_for.as_deref(), Duration::from_secs(24 * 3600))?,
            rows_min: file.rows_min.unwrap_or(1),
            tables: Vec::new(),
        };
        for entry in file.table {
            let old = entry.old.clone();
            let at = |words: String| ShadowError::Usage(format!("table `{old}`: {words}"));
            let table = entry.read(file.livemode, &file.account).map_err(at)?;
            if mapping.tables.iter().any(|other| other.old() == table.old()) {
                return Err(at("it is given twice".to_owned()));
            }
            mapping.tables.push(table);
        }
        Ok(mapping)
    }
}

fn duration(key: &str, text: Option<&str>, default: Duration) -> Result<Duration, ShadowError> {
    let Some(text) = text else { return Ok(default) };
    apiary_settings::duration(text).map_err(|words| ShadowError::Usage(format!("`{key}`: {words}")))
}

impl Entry {
    fn read(self, livemode: bool, account: &str) -> Result<TableMapping, String> {
        let (schema, name) = self.old.split_once('.').unwrap_or(("public", &self.old));
        let source = SOURCES.iter().find(|source| source.name == self.record).ok_or_else(|| {
            let names = SOURCES.iter().map(|source| source.name).collect::<Vec<_>>().join(", ");
            format!("`record` is no part of the state of record; these are: {names}")
        })?;
        let mut columns = BTreeMap::new();
        for (column, value) in self.columns {
            let rule = rule(value).map_err(|words| format!("column `{column}`: {words}"))?;
            columns.insert(column, rule);
        }
        let key = columns.get(&self.key);
        if key.is_none_or(|rule| rule.from.as_deref().is_none_or(|from| *rule != Rule::column(from))) {
            return Err(format!("the key `{}` stands in `columns`, with a column of the record as it is", self.key));
        }
        let changed = self.changed.map(changed).transpose().map_err(|words| format!("`changed`: {words}"))?;
        if let Some(changed) = changed.as_ref().filter(|changed| columns.contains_key(&changed.column)) {
            return Err(format!("`changed` names `{}`, which is in `columns`, too: leave one out", changed.column));
        }
        let names = [schema, name].into_iter().chain(columns.keys().map(String::as_str));
        if let Some(name) = names.into_iter().find(|name| !is_name(name)) {
            return Err(format!("`{}` is no name of a table or column", name.escape_default()));
        }
        let text = serde_json::json!({
            "old": [schema, name], "record": source.name, "livemode": livemode, "account": account, "key": self.key,
            "changed": changed, "leave_out": self.leave_out, "columns": columns,
        });
        Ok(TableMapping {
            schema: schema.to_owned(),
            name: name.to_owned(),
            livemode,
            account: account.to_owned(),
            source,
            key: self.key,
            changed,
            leave_out: self.leave_out,
            may_stop: self.may_stop,
            without: self.without,
            columns,
            text: text.to_string(),
        })
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.contains('\0')
}

/// Reads a rule: the name of a column of the record, or a table.
fn rule(value: toml::Value) -> Result<Rule, String> {
    let rule = match value {
        toml::Value::String(name) => Rule::column(&name),
        value => value.try_into::<Rule>().map_err(|error| error.message().to_owned())?,
    };
    rule.check()?;
    Ok(rule)
}

/// Reads the column of the last change: its name, or a table with the form of its time.
fn changed(value: toml::Value) -> Result<Changed, String> {
    let mut table = match value {
        toml::Value::String(column) => return Ok(Changed { column, rule: Rule::column("updated_at") }),
        toml::Value::Table(table) => table,
        _ => return Err("expected the name of a column, or { column = …, as = … }".to_owned()),
    };
    let Some(toml::Value::String(column)) = table.remove("column") else {
        return Err("it lacks `column`".to_owned());
    };
    table.insert("from".to_owned(), toml::Value::String("updated_at".to_owned()));
    Ok(Changed { column, rule: rule(toml::Value::Table(table))? })
}

impl TableMapping {
    /// Returns the old table's name with its schema.
    pub fn old(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// Returns a name in the table's schema, as SQL.
    pub(super) fn place(&self, name: &str) -> String {
        format!("{}.{}", named(&self.schema), named(name))
    }

    /// Returns what a column has in rows that only the record has.
    pub(super) fn missing(&self, column: &str) -> Option<&Literal> {
        self.columns.get(column)?.missing.as_ref()
    }

    /// Returns the name of the old table while a view has its name.
    pub(super) fn kept(&self) -> String {
        self.with_ending(KEPT)
    }

    /// Returns the name of a view that is made to try it.
    pub(super) fn trial(&self) -> String {
        self.with_ending(TRIAL)
    }

    fn with_ending(&self, ending: &str) -> String {
        let room = self.name.floor_char_boundary(NAME_BYTES_MAX - ending.len());
        format!("{}{ending}", &self.name[..room])
    }

    /// Returns the rule of an old column; that of the last change is the record's own.
    pub(super) fn rule(&self, column: &str) -> Option<&Rule> {
        let changed = self.changed.as_ref().filter(|changed| changed.column == column);
        changed.map(|changed| &changed.rule).or_else(|| self.columns.get(column))
    }

    /// Returns the column of the record with the key's values.
    pub(super) fn key_source(&self) -> &str {
        self.columns.get(&self.key).and_then(|rule| rule.from.as_deref()).unwrap_or(self.source.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = r#"
        lag = "30s"
        [[table]]
        old = "subscriptions"
        record = "subscription_access"
        key = "id"
        changed = { column = "updated", as = "epoch_seconds" }
        [table.columns]
        id = "subscription_id"
        plan = { from = "plan", values = { price_1 = "pro" }, other = "free" }
        note = { keep = true }
    "#;

    fn fault(text: &str) -> String {
        Mapping::read(text).unwrap_err().to_string()
    }

    #[test]
    fn a_mapping_is_read() {
        let mapping = Mapping::read(MAP).unwrap();
        let table = &mapping.tables[0];
        assert_eq!(
            (table.old().as_str(), table.kept().as_str()),
            ("public.subscriptions", "subscriptions_before_apiary")
        );
        assert_eq!((mapping.lag.as_secs(), mapping.clean_for.as_secs(), mapping.rows_min), (30, 86_400, 1));
        assert_eq!((table.livemode, table.key_source()), (true, "subscription_id"));
        assert_eq!(table.rule("updated").unwrap().from.as_deref(), Some("updated_at"));
    }

    #[test]
    fn a_wrong_mapping_is_told_in_words() {
        for (from, to, words) in [
            ("subscription_access", "nothing", "no part of the state of record"),
            ("key = \"id\"", "key = \"plan\"", "the key `plan` stands in `columns`"),
            ("key = \"id\"", "key = \"id\"\nkeys = 1", "unknown field `keys`"),
            ("keep = true", "keep = true, as = \"iso\"", "column `note`: `as`, `values`"),
            ("keep = true", "kept = true", "column `note`: unknown field `kept`"),
            ("lag = \"30s\"", "lag = \"soon\"", "`lag`: expected a duration"),
            ("column = \"updated\"", "column = \"plan\"", "which is in `columns`, too"),
        ] {
            let told = fault(&MAP.replace(from, to));
            assert!(told.contains(words), "{told}");
        }
        assert!(fault("").contains("no `[[table]]`"));
        assert!(fault(&format!("{MAP}{}", MAP.replace("lag = \"30s\"", ""))).contains("given twice"));
    }

    #[test]
    fn what_decides_no_value_may_change_after_the_cutover() {
        let text = |map: &str| Mapping::read(map).unwrap().tables[0].text.clone();
        assert_eq!(text(MAP), text(&MAP.replace("30s", "5m")));
        assert_ne!(text(MAP), text(&MAP.replace("free", "none")));
    }

    #[test]
    fn a_long_name_keeps_room_for_its_ending() {
        let long = MAP.replace("\"subscriptions\"", &format!("\"{}é\"", "s".repeat(48)));
        let kept = Mapping::read(&long).unwrap().tables[0].kept();
        assert!(kept.len() <= 63 && kept.ends_with("_before_apiary"), "{kept}");
    }
}
