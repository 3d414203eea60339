//! The rollback: the old table gets its name back, with the rows that the bee has written since.

use std::time::Duration;

use serde::Serialize;
use sqlx::Row as _;
use tokio::time::sleep;

use super::super::limits::SHADOW_SHOWN_MAX;
use super::blockers::{blockers, names};
use super::catalog::Column;
use super::error::ShadowError;
use super::expression::comparable;
use super::mapping::TableMapping;
use super::projection::Projection;
use super::report::Shadow;
use super::rule::named;
use super::state::{self, State};
use super::transaction::Transaction;

/// Wait between two attempts to lock.
const LOCK_PAUSE: Duration = Duration::from_millis(500);
/// Table of the rows that were copied, for the transaction.
const COPIED: &str = "pg_temp.apiary_shadow_copied";

/// The rollback of every table of a mapping.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Rollback {
    /// True if the old tables have their names, by this call or an earlier one.
    pub done: bool,
    /// The tables.
    pub tables: Vec<RolledBack>,
}

/// The rollback of one table.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RolledBack {
    /// Old table.
    pub old: String,
    /// Time of the cutover; absent if there is nothing to roll back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Statements, in order.
    pub statements: Vec<String>,
    /// Rows that were changed to what the record has.
    pub updated: u64,
    /// Rows that were added.
    pub inserted: u64,
    /// Rows that could not be written.
    pub failed: u64,
    /// Columns that the record does not have: added rows have their defaults.
    pub unfilled: Vec<String>,
    /// Keys of rows that could not be written, the first ones, with the reason.
    pub failures: Vec<(String, String)>,
}

impl Shadow {
    /// Lists the statements; runs them if `apply` is set. A table that has its name is left alone.
    ///
    /// # Errors
    ///
    /// Another mapping than that of the cutover, a lock that is not free, or the database's error. Nothing is changed then.
    pub async fn rollback(&self, apply: bool) -> Result<Rollback, ShadowError> {
        for _ in 0..self.lock_tries {
            match self.try_rollback(apply).await {
                Err(error) if error.is_lock_timeout() => sleep(LOCK_PAUSE).await,
                ended => return ended,
            }
        }
        Err(self.locked(&self.mapping.tables.iter().collect::<Vec<_>>()).await)
    }

    async fn try_rollback(&self, apply: bool) -> Result<Rollback, ShadowError> {
        let mut transaction = match apply {
            true => Transaction::impatient(&self.pool).await?,
            false => Transaction::begin(&self.pool).await?,
        };
        let mut rollback = Rollback { done: true, tables: Vec::new() };
        for table in &self.mapping.tables {
            let mut one = examine(&mut transaction, table).await?;
            if apply && one.since.is_some() {
                for statement in &one.statements {
                    transaction.run(statement).await?;
                }
                count(&mut transaction, &mut one).await?;
                state::mark_rolled_back(&mut transaction, table).await?;
            }
            rollback.done &= apply || one.since.is_none();
            rollback.tables.push(one);
        }
        match apply {
            true => transaction.commit().await?,
            false => transaction.rollback().await,
        }
        Ok(rollback)
    }
}

/// Lists the statements for one table.
async fn examine(transaction: &mut Transaction, table: &TableMapping) -> Result<RolledBack, ShadowError> {
    let state = State::read(transaction, table).await?;
    let Some(since) = state.cut_over_by(table)? else {
        return Ok(RolledBack { old: table.old(), ..RolledBack::default() });
    };
    let kept = state.kept.clone().unwrap_or_else(|| table.kept());
    let found = blockers(transaction, &table.schema, &table.name).await?;
    let readers = names(&found, &["view", "object"]);
    if !readers.is_empty() {
        let words = "these were made over the view since the cutover: drop them, and make them anew after the rollback";
        return Err(ShadowError::Refused(format!("{}: {words}: {}", table.old(), readers.join(", "))));
    }
    let projection = Projection::read_from(transaction, table, &kept).await?;
    let statement = sqlx::query(include_str!("triggers.sql")).bind(&table.schema).bind(&kept);
    let triggers = transaction.rows(statement).await?;
    let triggers = triggers.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let triggers = triggers.collect::<Result<Vec<(String, String)>, sqlx::Error>>()?;
    let has_missing = |name: &&String| table.columns.get(*name).is_none_or(|rule| rule.missing.is_none());
    Ok(RolledBack {
        old: table.old(),
        since: Some(since.to_owned()),
        statements: statements(table, &projection, &kept, &triggers),
        unfilled: projection.kept.iter().filter(has_missing).cloned().collect(),
        ..RolledBack::default()
    })
}

fn statements(table: &TableMapping, projection: &Projection, kept: &str, triggers: &[(String, String)]) -> Vec<String> {
    let schema = named(&table.schema);
    let (view, kept) = (format!("{schema}.{}", named(&table.name)), format!("{schema}.{}", named(kept)));
    let mut found = vec![
        format!("drop table if exists {COPIED}"),
        format!("create temporary table {} (key text, what text, words text) on commit drop", bare(COPIED)),
    ];
    // A trigger would tell of changes that are old, such as by a mail.
    found.extend(triggers.iter().map(|(trigger, _)| format!("alter table {kept} disable trigger {trigger}")));
    found.push(copy(table, projection, &kept));
    found.push(format!("drop view {view}"));
    found.push(format!("alter table {kept} rename to {}", named(&table.name)));
    found.extend(triggers.iter().map(|(trigger, enable)| format!("alter table {view} {enable} trigger {trigger}")));
    found.push("notify pgrst, 'reload schema'".to_owned());
    found
}

fn bare(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Returns the statement that writes the record's rows into the old table, those that differ, each by itself: one that a
/// constraint refuses does not keep the others out.
fn copy(table: &TableMapping, projection: &Projection, kept: &str) -> String {
    let columns: Vec<(usize, &Column, &str)> = projection
        .old
        .iter()
        .enumerate()
        .filter(|(_, column)| !column.is_generated)
        .filter_map(|(number, column)| Some((number, column, projection.value(&column.name)?)))
        .collect();
    let key = columns.iter().find(|(_, column, _)| column.name == table.key).map_or(0, |(number, ..)| *number);
    let values = columns.iter().map(|(number, _, value)| format!("{value} as c{number}"));
    let values = values.collect::<Vec<_>>().join(", ");
    let written = |number: usize, column: &Column, row: &str| match column.not_null {
        true => format!("coalesce({row}.c{number}, k.{})", named(&column.name)),
        false => format!("{row}.c{number}"),
    };
    let differs = columns.iter().filter(|(_, column, _)| projection.compared.contains(&column.name)).map(
        |(number, column, _)| {
            let stored = comparable(&format!("k.{}", named(&column.name)), column);
            format!("{stored} is distinct from {}", comparable(&written(*number, column, "s"), column))
        },
    );
    let differs: String = differs.map(|condition| format!(" or {condition}")).collect();
    let key_name = named(&table.key);
    let sets = columns.iter().filter(|(_, column, _)| !column.is_always && column.name != table.key);
    let sets = sets.map(|(number, column, _)| format!("{} = {}", named(&column.name), written(*number, column, "p")));
    let mut sets = sets.collect::<Vec<_>>().join(", ");
    if sets.is_empty() {
        // A mapping of the key alone: rows are only added.
        sets = format!("{key_name} = k.{key_name}");
    }
    let body = format!(
        "declare
  p record;
begin
  for p in
    select s.* from (select {values} {rows}) as s
    left join {kept} as k on k.{key_name} = s.c{key}
    where s.c{key} is not null and (k.{key_name} is null{differs})
  loop
    begin
      update {kept} as k set {sets} where k.{key_name} = p.c{key};
      if found then
        insert into {COPIED} values (p.c{key}::text, 'updated', null);
      else
        {insert};
        insert into {COPIED} values (p.c{key}::text, 'inserted', null);
      end if;
    exception when integrity_constraint_violation or data_exception or raise_exception then
      insert into {COPIED} values (p.c{key}::text, 'failed', sqlerrm);
    end;
  end loop;
end",
        rows = projection.rows(),
        insert = insert(table, projection, kept, &columns),
    );
    let mut tag = "$apiary$".to_owned();
    while body.contains(&tag) {
        tag.insert(1, 'x');
    }
    format!("do {tag}\n{body}\n{tag}")
}

fn insert(table: &TableMapping, projection: &Projection, kept: &str, columns: &[(usize, &Column, &str)]) -> String {
    let mut names: Vec<String> = columns.iter().map(|(_, column, _)| named(&column.name)).collect();
    let mut values: Vec<String> = columns.iter().map(|(number, ..)| format!("p.c{number}")).collect();
    for column in projection.old.iter().filter(|column| projection.kept.contains(&column.name)) {
        if let Some(missing) = table.columns.get(&column.name).and_then(|rule| rule.missing.as_ref()) {
            names.push(named(&column.name));
            values.push(missing.sql(&column.type_name));
        }
    }
    let overriding =
        if columns.iter().any(|(_, column, _)| column.is_always) { " overriding system value" } else { "" };
    format!("insert into {kept} ({}){overriding} values ({})", names.join(", "), values.join(", "))
}

/// Reads the numbers of rows that were written.
async fn count(transaction: &mut Transaction, one: &mut RolledBack) -> Result<(), ShadowError> {
    let counts = format!(
        "select count(*) filter (where what = 'updated'), count(*) filter (where what = 'inserted'),
           count(*) filter (where what = 'failed') from {COPIED}"
    );
    if let Some(row) = transaction.run(&counts).await?.first() {
        let number = |at: usize| Ok::<_, sqlx::Error>(u64::try_from(row.try_get::<i64, _>(at)?).unwrap_or_default());
        (one.updated, one.inserted, one.failed) = (number(0)?, number(1)?, number(2)?);
    }
    let failures =
        format!("select key, words from {COPIED} where what = 'failed' order by key limit {SHADOW_SHOWN_MAX}");
    for row in transaction.run(&failures).await? {
        one.failures.push((row.try_get(0)?, row.try_get(1)?));
    }
    Ok(())
}
