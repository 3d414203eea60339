//! Operators' actions on processes, in SQLite. Each is one transaction: it reads the states, and changes the processes whose state
//! allows it. There is one writer, so no state changes in between.

use std::collections::{HashMap, HashSet};

use apiary_database::{Sql, query, sql};
use apiary_store::model::{Cancel, ColonyKey, Discard, Effect, NewEvent, ProcessState, Resubmission};
use apiary_store::rows::KnownState;
use apiary_store::{OperationStore, StoreResult, checks, rows};
use uuid::Uuid;

use crate::SqliteStore;
use crate::batch::{ResubmissionItem, ids as json_ids, list};
use crate::events;
use crate::transaction::Write;

#[async_trait::async_trait]
impl OperationStore for SqliteStore {
    async fn submit_redrive(&self, specs: &[Resubmission], now_ms: i64) -> StoreResult<Vec<bool>> {
        // One transaction remembers the specs that redrive a process, and puts the processes back: neither may happen alone, or a spec
        // would redrive twice.
        if specs.is_empty() {
            return Ok(Vec::new());
        }
        let mut write = Write::begin(&self.writer).await?;
        let items = list(specs.iter().map(ResubmissionItem::new))?;
        let redriven = write.rows(query(sql!("processes/submit_redrive.sql")).bind(items)).await?;
        let redriven = redriven.iter().map(|row| rows::process_id(row)).collect::<StoreResult<HashSet<Uuid>>>()?;
        let mut by_colony: HashMap<ColonyKey, Vec<Uuid>> = HashMap::new();
        for spec in specs.iter().filter(|spec| redriven.contains(&spec.first)) {
            by_colony.entry(spec.colony).or_default().push(spec.first);
        }
        for (colony, ids) in by_colony {
            put_back(&mut write, colony, &json_ids(&ids)?, now_ms).await?;
        }
        if !redriven.is_empty() {
            write.commit().await?;
        }
        Ok(specs.iter().map(|spec| redriven.contains(&spec.first)).collect())
    }

    async fn cancel(
        &self,
        colony: ColonyKey,
        ids: &[Uuid],
        cancel: &Cancel,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<Vec<Effect>> {
        let Some(mut change) = Change::begin(self, colony, ids, checks::can_be_cancelled).await? else {
            return Ok(Vec::new());
        };
        if let Some(fit) = change.fit()? {
            let (reason, by) = (checks::storable(&cancel.reason), checks::storable(&cancel.by));
            // Inserts into `finished` from the tables that the next two steps empty, hence this order.
            let finish = query(sql!("steps/cancel_finish.sql")).bind(colony.0).bind(fit.clone());
            change.write.changed(finish.bind(&*reason).bind(&*by).bind(now_ms)).await?;
            change.write.changed(query(sql!("steps/leave_queue.sql")).bind(fit.clone())).await?;
            change.write.changed(query(sql!("steps/leave_blocked.sql")).bind(fit.clone())).await?;
            let mark = query(sql!("processes/cancel.sql")).bind(colony.0).bind(fit).bind(cancel.deadline_ms);
            change.write.changed(mark.bind(&*reason).bind(&*by)).await?;
        }
        change.commit(colony, ids, event).await
    }

    async fn redrive(
        &self,
        colony: ColonyKey,
        ids: &[Uuid],
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<Vec<Effect>> {
        let Some(mut change) = Change::begin(self, colony, ids, checks::can_be_redriven).await? else {
            return Ok(Vec::new());
        };
        if let Some(fit) = change.fit()? {
            put_back(&mut change.write, colony, &fit, now_ms).await?;
        }
        change.commit(colony, ids, event).await
    }

    async fn replace(
        &self,
        colony: ColonyKey,
        process_id: Uuid,
        replaced_by: Uuid,
        now_ms: i64,
    ) -> StoreResult<Effect> {
        let mut write = Write::begin(&self.writer).await?;
        let select = query(sql!("processes/states.sql")).bind(colony.0).bind(json_ids(&[process_id])?);
        let known = write.rows(select).await?.first().map(|row| rows::known_state(row)).transpose()?;
        // Returned without a commit: nothing was changed.
        let Some((_, known)) = known else { return Ok(Effect::Unknown) };
        let update = query(sql!("processes/replace.sql"))
            .bind(colony.0)
            .bind(process_id.as_bytes().as_slice())
            .bind(replaced_by.as_bytes().as_slice())
            .bind(now_ms);
        if write.rows(update).await?.is_empty() {
            let taken = query(sql!("processes/replace_taken.sql")).bind(replaced_by.as_bytes().as_slice());
            let is_taken = !write.rows(taken).await?.is_empty();
            return Ok(checks::replaced_effect(Some(checks::unfit(&known)), is_taken));
        }
        write.commit().await?;
        Ok(Effect::Changed)
    }

    async fn cancel_replacement(&self, colony: ColonyKey, process_id: Uuid, until_ms: i64) -> StoreResult<()> {
        let update = query(sql!("processes/cancel_replacement.sql"))
            .bind(colony.0)
            .bind(process_id.as_bytes().as_slice())
            .bind(until_ms);
        let mut write = Write::begin(&self.writer).await?;
        write.changed(update).await?;
        write.commit().await
    }

    async fn discard(
        &self,
        colony: ColonyKey,
        ids: &[Uuid],
        discard: &Discard,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<Vec<Effect>> {
        let states = checks::states_to_discard(discard);
        let Some(mut change) = Change::begin(self, colony, ids, |known| states.contains(&known.state)).await? else {
            return Ok(Vec::new());
        };
        if let Some(fit) = change.fit()? {
            let (reason, by) = (checks::storable(&discard.reason), checks::storable(&discard.by));
            let give_up = query(sql!("processes/discard.sql"))
                .bind(colony.0)
                .bind(fit)
                .bind(list(states.iter().map(|state| state.as_str()))?)
                .bind(&*reason)
                .bind(&*by)
                .bind(now_ms)
                .bind(discard.is_replaced);
            change.write.changed(give_up).await?;
        }
        change.commit(colony, ids, event).await
    }

    async fn retry(
        &self,
        colony: ColonyKey,
        ids: &[Uuid],
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<Vec<Effect>> {
        let Some(mut change) = Change::begin(self, colony, ids, checks::can_be_retried).await? else {
            return Ok(Vec::new());
        };
        if let Some(fit) = change.fit()? {
            let queue = query(sql!("processes/retry.sql")).bind(colony.0).bind(fit.clone()).bind(now_ms);
            change.write.changed(queue).await?;
            change.write.changed(query(sql!("steps/leave_blocked.sql")).bind(fit)).await?;
        }
        change.commit(colony, ids, event).await
    }

    async fn delete(&self, colony: ColonyKey, ids: &[Uuid], event: Option<&NewEvent>) -> StoreResult<Vec<Effect>> {
        let fits = |known: &KnownState| known.state != ProcessState::Running;
        let Some(mut change) = Change::begin(self, colony, ids, fits).await? else { return Ok(Vec::new()) };
        if let Some(fit) = change.fit()? {
            let remember = query(sql!("processes/delete.sql")).bind(colony.0).bind(fit.clone());
            change.write.changed(remember).await?;
            for statement in BELONGINGS {
                change.write.changed(query(statement).bind(fit.clone())).await?;
            }
        }
        change.commit(colony, ids, event).await
    }
}

/// The statements that delete a process: its row in one of the thin tables, and everything that belongs to it.
// Run for all tables, although a process is in one thin table only: a statement that finds no row costs little.
const BELONGINGS: [Sql; 11] = [
    sql!("steps/leave_queue.sql"),
    sql!("steps/leave_blocked.sql"),
    sql!("steps/leave_finished.sql"),
    sql!("steps/delete_spec.sql"),
    sql!("steps/delete_dependencies.sql"),
    sql!("steps/delete_attempts.sql"),
    sql!("steps/delete_progress.sql"),
    sql!("steps/delete_logs.sql"),
    sql!("steps/delete_log_totals.sql"),
    sql!("steps/delete_attributes.sql"),
    sql!("steps/delete_keys.sql"),
];

async fn put_back(write: &mut Write, colony: ColonyKey, ids: &str, now_ms: i64) -> StoreResult<()> {
    // Queued before they leave `finished`, because the insert reads the attempt's number from there.
    write.changed(query(sql!("processes/redrive.sql")).bind(colony.0).bind(ids).bind(now_ms)).await?;
    write.changed(query(sql!("steps/leave_finished.sql")).bind(ids)).await?;
    Ok(())
}

/// A transaction with the result for each process.
struct Change {
    write: Write,
    effects: HashMap<Uuid, Effect>,
}

impl Change {
    /// Reads the state of each process; `fits` returns true for a state that allows the change. `None` for an empty batch.
    async fn begin(
        store: &SqliteStore,
        colony: ColonyKey,
        ids: &[Uuid],
        fits: impl Fn(&KnownState) -> bool,
    ) -> StoreResult<Option<Self>> {
        if ids.is_empty() {
            return Ok(None);
        }
        let mut write = Write::begin(&store.writer).await?;
        let select = query(sql!("processes/states.sql")).bind(colony.0).bind(json_ids(ids)?);
        let mut effects = HashMap::with_capacity(ids.len());
        for row in write.rows(select).await? {
            let (process_id, known) = rows::known_state(&row)?;
            let effect = if fits(&known) { Effect::Changed } else { checks::unfit(&known) };
            effects.insert(process_id, effect);
        }
        Ok(Some(Self { write, effects }))
    }

    /// Returns the ids of the processes to change, as a parameter of a statement; `None` if there are none.
    fn fit(&self) -> StoreResult<Option<String>> {
        let fit = self.effects.iter().filter(|(_, effect)| **effect == Effect::Changed);
        let fit: Vec<Uuid> = fit.map(|(process_id, _)| *process_id).collect();
        if fit.is_empty() { Ok(None) } else { json_ids(&fit).map(Some) }
    }

    /// Commits if anything was changed; returns the results in the order of the items.
    async fn commit(mut self, colony: ColonyKey, ids: &[Uuid], event: Option<&NewEvent>) -> StoreResult<Vec<Effect>> {
        let changed: Vec<&Uuid> = ids.iter().filter(|id| self.effects.get(id) == Some(&Effect::Changed)).collect();
        // Without a change the transaction is dropped: a commit would cost an `fsync` for nothing.
        if !changed.is_empty() {
            events::record_each(&mut self.write, colony, event, changed).await?;
            self.write.commit().await?;
        }
        Ok(ids.iter().map(|id| self.effects.get(id).copied().unwrap_or(Effect::Unknown)).collect())
    }
}
