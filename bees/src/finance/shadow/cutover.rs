//! The cutover: a view over the state of record takes the old table's name, in one transaction.

use std::time::Duration;

use serde::Serialize;
use sqlx::query;
use tokio::time::{Instant, sleep};

use super::compare::TableReport;
use super::error::ShadowError;
use super::mapping::TableMapping;
use super::plan::{Facts, Plan, lock, plan};
use super::report::Shadow;
use super::state::{self, State};
use super::transaction::Transaction;

/// Wait between two attempts to lock: what waited behind the first goes on.
const LOCK_PAUSE: Duration = Duration::from_millis(500);

/// The cutover of every table of a mapping.
#[derive(Clone, Debug, Serialize)]
pub struct Cutover {
    /// True if every gate is passed.
    pub ready: bool,
    /// True if the views are there, by this call or an earlier one.
    pub done: bool,
    /// The tables.
    pub tables: Vec<TableCutover>,
}

/// The cutover of one table.
#[derive(Clone, Debug, Serialize)]
pub struct TableCutover {
    /// Old table.
    pub old: String,
    /// Time of an earlier cutover.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Gates.
    pub gates: Vec<Gate>,
    /// Statements, in order.
    pub statements: Vec<String>,
}

/// A condition of a cutover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gate {
    /// Name, in a word.
    pub name: &'static str,
    /// True if the cutover may pass.
    pub passed: bool,
    /// The state, and what to do.
    pub words: String,
}

impl Gate {
    pub(super) fn passed(name: &'static str, words: String) -> Self {
        Self { name, passed: true, words }
    }

    pub(super) fn refused(name: &'static str, words: String) -> Self {
        Self { name, passed: false, words }
    }
}

impl TableCutover {
    fn since(table: &TableMapping, since: &str) -> Self {
        Self { old: table.old(), since: Some(since.to_owned()), gates: Vec::new(), statements: Vec::new() }
    }
}

impl Shadow {
    /// Examines the gates of every table and lists the statements; runs them if `apply` is set and every gate is passed.
    /// A table that is cut over already stays so.
    ///
    /// # Errors
    ///
    /// A mapping that does not fit the tables, a lock that is not free, or the database's error. Nothing is changed then.
    pub async fn cutover(&self, apply: bool) -> Result<Cutover, ShadowError> {
        let ended = self.examine(apply).await;
        if apply && !ended.as_ref().is_ok_and(|cutover| cutover.done) {
            // Another cutover by the same mapping may have come in between.
            let (since, pending) = self.standing().await?;
            if pending.is_empty() {
                return Ok(Cutover { ready: true, done: true, tables: since });
            }
        }
        ended
    }

    /// Returns the tables that are cut over, and the others.
    async fn standing(&self) -> Result<(Vec<TableCutover>, Vec<&TableMapping>), ShadowError> {
        let (mut done, mut pending) = (Vec::new(), Vec::new());
        let mut transaction = Transaction::begin(&self.pool).await?;
        for table in &self.mapping.tables {
            let state = State::read(&mut transaction, table).await?;
            match state.cut_over_by(table)? {
                Some(since) => done.push(TableCutover::since(table, since)),
                None => pending.push(table),
            }
        }
        transaction.rollback().await;
        Ok((done, pending))
    }

    async fn examine(&self, apply: bool) -> Result<Cutover, ShadowError> {
        let (tables, pending) = self.standing().await?;
        let mut cutover = Cutover { ready: true, done: pending.is_empty(), tables };
        if pending.is_empty() {
            return Ok(cutover);
        }
        let compared_at = Instant::now();
        let gates = self.compare_gates(&pending).await?;
        let plans = self.plans(&pending).await?;
        for ((table, plan), mut gates) in pending.iter().zip(&plans).zip(gates) {
            gates.extend(plan.gates.iter().cloned());
            cutover.ready &= gates.iter().all(|gate| gate.passed);
            let statements = plan.statements.clone();
            cutover.tables.push(TableCutover { old: table.old(), since: None, gates, statements });
        }
        if apply && cutover.ready {
            self.apply(&pending, &plans, compared_at).await?;
            cutover.done = true;
        }
        Ok(cutover)
    }

    /// Compares every row, and judges the reports so far.
    async fn compare_gates(&self, tables: &[&TableMapping]) -> Result<Vec<Vec<Gate>>, ShadowError> {
        let report = self.compare(tables, None, 0).await?;
        let not_remembered = report.not_remembered.as_deref();
        Ok(report.tables.iter().map(|table| self.report_gates(table, not_remembered)).collect())
    }

    fn report_gates(&self, report: &TableReport, not_remembered: Option<&str>) -> Vec<Gate> {
        let TableReport { agreed, different, only_old, only_record, unsettled, .. } = report;
        let counts = format!(
            "{agreed} rows agree, {different} differ, {only_old} are only in the old table, {only_record} only in the \
             record, {unsettled} are not settled"
        );
        let asked = self.mapping.clean_for.as_secs();
        let time = match (report.clean_for_s, not_remembered) {
            (_, Some(words)) => Gate::refused("time", format!("reports cannot be remembered: {words}")),
            (Some(clean), None) if clean >= asked => Gate::passed("time", format!("reports are clean for {clean} s")),
            (clean, None) => Gate::refused(
                "time",
                format!(
                    "reports are clean for {} s of the {asked} s of `clean_for`: run `apiary shadow report` from time to time",
                    clean.unwrap_or(0)
                ),
            ),
        };
        let rows = Gate {
            name: "rows",
            passed: *agreed >= self.mapping.rows_min,
            words: format!("{agreed} agree, `rows_min` is {}", self.mapping.rows_min),
        };
        let report = match report.is_clean() {
            true => Gate::passed("report", counts),
            false => Gate::refused("report", format!("{counts}; `apiary shadow report` lists them")),
        };
        vec![report, rows, time]
    }

    /// Makes the plans, with the views under other names, and leaves nothing of it.
    async fn plans(&self, tables: &[&TableMapping]) -> Result<Vec<Plan>, ShadowError> {
        let mut plans = Vec::new();
        for table in tables {
            let mut trial = Transaction::begin(&self.pool).await?;
            let made = plan(&mut trial, table).await;
            trial.rollback().await;
            plans.push(made?);
        }
        Ok(plans)
    }

    async fn apply(&self, tables: &[&TableMapping], plans: &[Plan], compared_at: Instant) -> Result<(), ShadowError> {
        let mut compared_at = compared_at;
        for _ in 0..self.lock_tries {
            // Rows that were written between the comparison and the lock are not settled, so that the comparison holds for
            // the time of the lag.
            if compared_at.elapsed() > self.mapping.lag {
                compared_at = Instant::now();
                let gates = self.compare_gates(tables).await?;
                if let Some(gate) = gates.iter().flatten().find(|gate| !gate.passed) {
                    return Err(ShadowError::Refused(format!("meanwhile, {}; nothing was changed", gate.words)));
                }
                let took = compared_at.elapsed();
                if took > self.mapping.lag && !self.mapping.lag.is_zero() {
                    return Err(ShadowError::Refused(format!(
                        "the comparison took {} s, longer than `lag`, so that rows could have changed unseen: raise `lag`; \
                         nothing was changed",
                        took.as_secs()
                    )));
                }
            }
            match self.try_apply(tables, plans).await {
                Err(error) if error.is_lock_timeout() => sleep(LOCK_PAUSE).await,
                ended => return ended,
            }
        }
        Err(self.locked(tables).await)
    }

    async fn try_apply(&self, tables: &[&TableMapping], plans: &[Plan]) -> Result<(), ShadowError> {
        let mut transaction = Transaction::impatient(&self.pool).await?;
        for (table, plan) in tables.iter().zip(plans) {
            // Another cutover may have come first. Then the name is a view's, and a lock would reach into the record.
            if State::read(&mut transaction, table).await?.cut_over_by(table)?.is_some() {
                let words = "was cut over meanwhile: nothing was done; run the command again";
                return Err(ShadowError::Refused(format!("{} {words}", table.old())));
            }
            for statement in &plan.statements {
                transaction.run(statement).await?;
                if *statement == lock(table) && Facts::read(&mut transaction, table).await? != plan.facts {
                    let words = "was changed while it was examined: nothing was done; run the command again";
                    return Err(ShadowError::Refused(format!("{} {words}", table.old())));
                }
            }
            state::mark_cut_over(&mut transaction, table).await?;
        }
        transaction.commit().await
    }

    /// Returns the error for tables that others do not give up.
    pub(super) async fn locked(&self, tables: &[&TableMapping]) -> ShadowError {
        let names = tables.iter().map(|table| table.old()).collect::<Vec<_>>().join(", ");
        let holders = self.holders(tables).await.unwrap_or_default();
        let holders = if holders.is_empty() { "none is left".to_owned() } else { holders.join("; ") };
        ShadowError::Locked { table: names, tries: self.lock_tries, holders }
    }

    async fn holders(&self, tables: &[&TableMapping]) -> Result<Vec<String>, ShadowError> {
        let mut transaction = Transaction::begin(&self.pool).await?;
        let mut found = Vec::new();
        for table in tables {
            let statement = query(include_str!("holders.sql")).bind(&table.schema).bind(&table.name);
            found.extend(transaction.value::<String>(statement).await?);
        }
        transaction.rollback().await;
        Ok(found)
    }
}
