//! The rollback: the old table gets its name back, with the rows that the bee has written since.

use std::time::Duration;

use serde::Serialize;
use sqlx::Row as _;

use super::super::limits::SHADOW_SHOWN_MAX;
use super::blockers::{blockers, names};
use super::catalog::Column;
use super::compare::interval;
use super::error::ShadowError;
use super::expression::{collated, comparable, instant};
use super::mapping::TableMapping;
use super::projection::Projection;
use super::report::Shadow;
use super::rule::named;
use super::state::{self, State};
use super::transaction::Transaction;

/// Name of the tables of the rows that were copied, for the transaction; a number follows.
const COPIED: &str = "apiary_shadow_copied_";

/// The rollback of every table of a mapping.
#[derive(Clone, Debug, Serialize)]
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
    /// Rows that were left as they are, because they were changed later than the record's.
    pub newer: u64,
    /// Rows of the old table alone: left out by the mapping, or gone from the record. They are as at the cutover.
    pub only_old: u64,
    /// Columns that the record does not have: added rows have their defaults.
    pub unfilled: Vec<String>,
    /// Keys of rows that were not written, the first ones, with the reason.
    pub failures: Vec<(String, String)>,
}

/// Statements of one table's rollback, by phase. No table is locked against readers while another is copied.
#[derive(Default)]
struct Steps {
    copy: Vec<String>,
    swap: Vec<String>,
    /// Writes what the bee has written since the first copy, and enables triggers.
    finish: Vec<String>,
}

impl Shadow {
    /// Lists the statements; runs them if `apply` is set. A table that has its name is left alone.
    ///
    /// # Errors
    ///
    /// Another mapping than that of the cutover, a lock that is not free, or the database's error. Nothing is changed then.
    pub async fn rollback(&self, apply: bool) -> Result<Rollback, ShadowError> {
        match self.try_rollback(apply).await {
            Err(error) if error.is_lock_timeout() => {
                Err(self.locked(&self.mapping.tables.iter().collect::<Vec<_>>()).await)
            }
            ended => ended,
        }
    }

    async fn try_rollback(&self, apply: bool) -> Result<Rollback, ShadowError> {
        let mut transaction = match apply {
            true => Transaction::impatient(&self.pool).await?,
            false => Transaction::begin(&self.pool).await?,
        };
        let mut rollback = Rollback { done: true, tables: Vec::new() };
        let mut all = Vec::new();
        for (number, table) in self.mapping.tables.iter().enumerate() {
            let (one, steps) = self.examine_rollback(&mut transaction, table, &format!("{COPIED}{number}")).await?;
            rollback.done &= apply || one.since.is_none();
            rollback.tables.push(one);
            all.push(steps);
        }
        if !apply {
            transaction.rollback().await;
            return Ok(rollback);
        }
        let phases: [fn(&Steps) -> &Vec<String>; 3] = [|steps| &steps.copy, |steps| &steps.swap, |steps| &steps.finish];
        for phase in phases {
            for statement in all.iter().flat_map(phase) {
                transaction.run(statement).await?;
            }
        }
        for (number, (table, one)) in self.mapping.tables.iter().zip(&mut rollback.tables).enumerate() {
            if one.since.is_some() {
                count(&mut transaction, one, &format!("pg_temp.{COPIED}{number}")).await?;
                state::mark_rolled_back(&mut transaction, table).await?;
            }
        }
        transaction.commit().await?;
        Ok(rollback)
    }

    /// Lists the statements for one table.
    async fn examine_rollback(
        &self,
        transaction: &mut Transaction,
        table: &TableMapping,
        copied: &str,
    ) -> Result<(RolledBack, Steps), ShadowError> {
        let state = State::read(transaction, table).await?;
        let Some(since) = state.cut_over_by(table)? else {
            return Ok((RolledBack { old: table.old(), ..RolledBack::default() }, Steps::default()));
        };
        let kept = state.kept.clone().unwrap_or_else(|| table.kept());
        let found = blockers(transaction, &table.schema, &table.name).await?;
        let readers = names(&found, &["view", "object"]);
        if !readers.is_empty() {
            let words =
                "these were made over the view since the cutover: drop them, and make them anew after the rollback";
            return Err(ShadowError::Refused(format!("{}: {words}: {}", table.old(), readers.join(", "))));
        }
        let projection = Projection::read_from(transaction, table, &kept).await?;
        let statement = sqlx::query(include_str!("triggers.sql")).bind(&table.schema).bind(&kept);
        let triggers = transaction.rows(statement).await?;
        let triggers = triggers.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        let triggers = triggers.collect::<Result<Vec<(String, String)>, sqlx::Error>>()?;
        let lacks_missing = |name: &&String| table.missing(name).is_none();
        let rows = Rows { table, projection: &projection, lag: self.mapping.lag, copied: format!("pg_temp.{copied}") };
        let steps = rows.steps(&kept, &triggers, self.lock_tries);
        let one = RolledBack {
            old: table.old(),
            since: Some(since.to_owned()),
            statements: [&steps.copy[..], &steps.swap, &steps.finish].concat(),
            unfilled: projection.kept.iter().filter(lacks_missing).cloned().collect(),
            ..RolledBack::default()
        };
        Ok((one, steps))
    }
}

/// Rows of the record, on their way into the old table.
struct Rows<'a> {
    table: &'a TableMapping,
    projection: &'a Projection,
    lag: Duration,
    /// Table of the rows that were copied.
    copied: String,
}

impl Rows<'_> {
    fn steps(&self, kept: &str, triggers: &[(String, String)], tries: u32) -> Steps {
        let (view, kept) = (self.table.place(&self.table.name), self.table.place(kept));
        let mut copy = vec![
            // A constraint that is deferred would fail at the commit, and undo everything.
            "set constraints all immediate".to_owned(),
            format!("drop table if exists {}", self.copied),
            format!(
                "create temporary table {} (key text primary key, what text, words text) on commit drop",
                bare(&self.copied)
            ),
        ];
        // A trigger would tell of changes that are old, such as by a mail.
        let disable = triggers.iter().map(|(trigger, _)| format!("alter table {kept} disable trigger {trigger}"));
        let disable: Vec<String> = disable.collect();
        if !disable.is_empty() {
            copy.push(patiently(&disable, tries));
        }
        copy.push(self.copy(&kept));
        let rename = format!("alter table {kept} rename to {}", named(&self.table.name));
        let swap = vec![patiently(&[format!("drop view {view}"), rename], tries)];
        let mut finish = vec![
            format!("delete from {} where what in ('failed', 'newer')", self.copied),
            self.copy(&view),
            self.only_old(&view),
        ];
        finish
            .extend(triggers.iter().map(|(trigger, enable)| format!("alter table {view} {enable} trigger {trigger}")));
        finish.push("notify pgrst, 'reload schema'".to_owned());
        Steps { copy, swap, finish }
    }

    /// Returns the columns that are written, with their numbers and values.
    fn columns(&self) -> Vec<(usize, &Column, &str)> {
        let columns = self.projection.old.iter().enumerate().filter(|(_, column)| !column.is_generated);
        columns.filter_map(|(number, column)| Some((number, column, self.projection.value(&column.name)?))).collect()
    }

    /// Returns the condition that an old row was changed later than the record's, by more than the lag.
    fn is_newer(&self) -> String {
        let Some(changed) = &self.table.changed else { return "false".to_owned() };
        let column = self.projection.column(&changed.column);
        let at = column.and_then(|column| instant(&format!("k.{}", named(&column.name)), &changed.rule, column).ok());
        let lag = interval(self.lag);
        at.map_or_else(
            || "false".to_owned(),
            |at| format!("coalesce({at} > s.shadow_at + {lag} and {at} <= now(), false)"),
        )
    }

    /// Returns the record's rows, each value under its column's number.
    fn select(&self) -> String {
        let values: Vec<String> =
            self.columns().iter().map(|(number, _, value)| format!("{value} as c{number}")).collect();
        let at = self.projection.own("updated_at");
        format!("select {}, {at} as shadow_at {}", values.join(", "), self.projection.rows())
    }

    /// Returns the condition that a row of the record has an old row's key.
    fn has_key(&self, row: &str) -> (usize, String) {
        let columns = self.columns();
        let key = columns.iter().find(|(_, column, _)| column.name == self.table.key);
        let number = key.map_or(0, |(number, ..)| *number);
        let place = key.map_or_else(String::new, |(_, column, _)| collated(&format!("{row}.c{number}"), column));
        (number, format!("k.{} = {place}", named(&self.table.key)))
    }

    /// Returns the statement that lists old rows without one of the record.
    fn only_old(&self, kept: &str) -> String {
        let key = named(&self.table.key);
        format!(
            "insert into {} select distinct k.{key}::text, 'only_old', null from {kept} as k where k.{key} is not null
  and not exists (select from ({}) as s where {}) on conflict do nothing",
            self.copied,
            self.select(),
            self.has_key("s").1
        )
    }

    /// Returns the statement that writes the record's rows into the old table, those that differ, each by itself: one that
    /// a constraint refuses does not keep the others out.
    fn copy(&self, kept: &str) -> String {
        let (columns, copied) = (self.columns(), &self.copied);
        let (key, has_key) = self.has_key("s");
        let is_row = self.has_key("p").1;
        let differs = columns.iter().filter(|(_, column, _)| self.projection.compared.contains(&column.name));
        let differs: String = differs
            .map(|(number, column, _)| {
                let stored = comparable(&format!("k.{}", named(&column.name)), column);
                format!(" or {stored} is distinct from {}", comparable(&written(*number, column, "s"), column))
            })
            .collect();
        let key_name = named(&self.table.key);
        let body = format!(
            "declare
  p record;
  violated text;
  at_column text;
begin
  for p in
    select s.*, {is_newer} as is_newer from ({select}) as s
    left join {kept} as k on {has_key}
    where s.c{key} is not null and (k.{key_name} is null{differs})
  loop
    begin
      if p.is_newer then
        insert into {copied} values (p.c{key}::text, 'newer', null) on conflict do nothing;
        continue;
      end if;
      update {kept} as k set {sets} where {is_row};
      if found then
        insert into {copied} values (p.c{key}::text, 'updated', null) on conflict do nothing;
      else
        {insert};
        insert into {copied} values (p.c{key}::text, 'inserted', null) on conflict do nothing;
      end if;
    exception when integrity_constraint_violation or data_exception or raise_exception then
      -- Names alone: a message can hold values of the row.
      get stacked diagnostics violated = constraint_name, at_column = column_name;
      insert into {copied} values (p.c{key}::text, 'failed', {REFUSAL})
        on conflict (key) do update set what = excluded.what, words = excluded.words;
    end;
  end loop;
end",
            is_newer = self.is_newer(),
            select = self.select(),
            sets = self.sets(&columns),
            insert = insert(self.table, self.projection, kept, &columns),
        );
        as_block(&body)
    }

    fn sets(&self, columns: &[(usize, &Column, &str)]) -> String {
        let sets = columns.iter().filter(|(_, column, _)| !column.is_always && column.name != self.table.key);
        let sets =
            sets.map(|(number, column, _)| format!("{} = {}", named(&column.name), written(*number, column, "p")));
        let sets = sets.collect::<Vec<_>>().join(", ");
        // A mapping of the key alone: rows are only added.
        let key = named(&self.table.key);
        if sets.is_empty() { format!("{key} = k.{key}") } else { sets }
    }
}

/// Words for a row that the old table refuses, from its SQLSTATE and the names that come with it, as SQL.
const REFUSAL: &str = "concat_ws(', ', case sqlstate \
     when '23505' then 'another row has its value already' when '23503' then 'it refers to a row that is not there' \
     when '23514' then 'a check refuses it' when '23502' then 'a value is missing' else 'the table refuses it' end, \
     'constraint ' || nullif(violated, ''), 'column ' || nullif(at_column, ''), 'SQLSTATE ' || sqlstate)";

fn bare(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Returns the value that an old column gets: a column that must not be null keeps its own where the record has none.
fn written(number: usize, column: &Column, row: &str) -> String {
    match column.not_null {
        true => format!("coalesce({row}.c{number}, k.{})", named(&column.name)),
        false => format!("{row}.c{number}"),
    }
}

/// Returns a statement that runs some together, again and again until their locks are free: what was copied before stays.
fn patiently(statements: &[String], tries: u32) -> String {
    let body = format!(
        "begin
  for attempt in 1..{tries} loop
    begin
      {};
      exit;
    exception when lock_not_available or deadlock_detected then
      if attempt = {tries} then
        raise;
      end if;
    end;
    perform pg_catalog.pg_sleep(0.5);
  end loop;
end",
        statements.join(";\n      ")
    );
    as_block(&body)
}

fn as_block(body: &str) -> String {
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
        if let Some(missing) = table.missing(&column.name) {
            names.push(named(&column.name));
            values.push(missing.sql(&column.type_name));
        }
    }
    let overriding =
        if columns.iter().any(|(_, column, _)| column.is_always) { " overriding system value" } else { "" };
    format!("insert into {kept} ({}){overriding} values ({})", names.join(", "), values.join(", "))
}

/// Reads the numbers of rows that were written.
async fn count(transaction: &mut Transaction, one: &mut RolledBack, copied: &str) -> Result<(), ShadowError> {
    for row in transaction.run(&format!("select what, count(*) from {copied} group by what")).await? {
        let number = u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or_default();
        match row.try_get::<&str, _>(0)? {
            "updated" => one.updated = number,
            "inserted" => one.inserted = number,
            "newer" => one.newer = number,
            "only_old" => one.only_old = number,
            _ => one.failed = number,
        }
    }
    let failures = format!(
        "select key, case what
           when 'newer' then 'the old row was changed later than the record''s: left as it is'
           when 'only_old' then 'only in the old table: `leave_out` leaves it out, or it is gone from the record; it is as at the cutover'
           else words end
         from {copied} where what in ('failed', 'newer', 'only_old') order by key limit {SHADOW_SHOWN_MAX}"
    );
    for row in transaction.run(&failures).await? {
        one.failures.push((row.try_get(0)?, row.try_get(1)?));
    }
    Ok(())
}
