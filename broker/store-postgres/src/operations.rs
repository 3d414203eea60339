//! Operators' actions on processes, in Postgres.

use std::collections::{HashMap, HashSet};

use apiary_database::{query, sql};
use apiary_store::model::{Cancel, ColonyKey, Discard, Effect, NewEvent, ProcessState, Resubmission};
use apiary_store::rows::KnownState;
use apiary_store::{OperationStore, StoreError, StoreResult, checks, rows};
use uuid::Uuid;

use crate::fault::{Conflicts, Fault, until_settled};
use crate::session::Statement;
use crate::{PostgresStore, column, events, process_ids};

#[async_trait::async_trait]
impl OperationStore for PostgresStore {
    async fn submit_redrive(&self, specs: &[Resubmission], now_ms: i64) -> StoreResult<Vec<bool>> {
        if specs.is_empty() {
            return Ok(Vec::new());
        }
        let statement = || {
            query(sql!("processes/submit_redrive.sql"))
                .bind(column(specs, |spec| spec.process_id))
                .bind(column(specs, |spec| spec.first))
                .bind(column(specs, |spec| spec.colony.0))
                .bind(column(specs, |spec| spec.submitter.0))
                .bind(column(specs, |spec| spec.digest.0.to_vec()))
                .bind(column(specs, |spec| spec.submit_by_ms))
                .bind(now_ms)
        };
        // Retried whole: of two brokers with the same spec, the second fails on the primary key of `deleted` and sees the first's row
        // in the next try.
        let redriven = until_settled!(changed(self, statement()))?;
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
        let (reason, by) = (checks::storable(&cancel.reason), checks::storable(&cancel.by));
        let statement = |ids: Vec<Uuid>| {
            query(sql!("processes/cancel.sql"))
                .bind(colony.0)
                .bind(ids)
                .bind(cancel.deadline_ms)
                .bind(&*reason)
                .bind(&*by)
                .bind(now_ms)
        };
        change(self, colony, ids, checks::can_be_cancelled, statement, event).await
    }

    async fn redrive(
        &self,
        colony: ColonyKey,
        ids: &[Uuid],
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<Vec<Effect>> {
        let statement = |ids: Vec<Uuid>| query(sql!("processes/redrive.sql")).bind(colony.0).bind(ids).bind(now_ms);
        change(self, colony, ids, checks::can_be_redriven, statement, event).await
    }

    async fn replace(
        &self,
        colony: ColonyKey,
        process_id: Uuid,
        replaced_by: Uuid,
        now_ms: i64,
    ) -> StoreResult<Effect> {
        let taken = query(sql!("processes/replace_taken.sql")).bind(replaced_by);
        let is_taken = self.session().await?.row(taken).await?.is_some();
        let statement = |ids: Vec<Uuid>| {
            let id = ids.first().copied();
            query(sql!("processes/replace.sql")).bind(colony.0).bind(id).bind(replaced_by).bind(now_ms)
        };
        // The statement changes nothing for an existing id, unless the process was reserved for it before.
        let fits = |known: &KnownState| checks::can_be_redriven(known) && !is_taken;
        let effects = change(self, colony, &[process_id], fits, statement, None).await?;
        Ok(checks::replaced_effect(effects.first().copied(), is_taken))
    }

    async fn cancel_replacement(&self, colony: ColonyKey, process_id: Uuid, until_ms: i64) -> StoreResult<()> {
        let update = query(sql!("processes/cancel_replacement.sql")).bind(colony.0).bind(process_id).bind(until_ms);
        self.session().await?.changed(update).await?;
        Ok(())
    }

    async fn discard(
        &self,
        colony: ColonyKey,
        ids: &[Uuid],
        discard: &Discard,
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<Vec<Effect>> {
        let (reason, by) = (checks::storable(&discard.reason), checks::storable(&discard.by));
        let states = checks::states_to_discard(discard);
        let words: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
        let statement = |ids: Vec<Uuid>| {
            query(sql!("processes/discard.sql"))
                .bind(colony.0)
                .bind(ids)
                .bind(words.clone())
                .bind(&*reason)
                .bind(&*by)
                .bind(now_ms)
                .bind(discard.is_replaced)
        };
        change(self, colony, ids, |known| states.contains(&known.state), statement, event).await
    }

    async fn retry(
        &self,
        colony: ColonyKey,
        ids: &[Uuid],
        now_ms: i64,
        event: Option<&NewEvent>,
    ) -> StoreResult<Vec<Effect>> {
        let statement = |ids: Vec<Uuid>| query(sql!("processes/retry.sql")).bind(colony.0).bind(ids).bind(now_ms);
        change(self, colony, ids, checks::can_be_retried, statement, event).await
    }

    async fn delete(&self, colony: ColonyKey, ids: &[Uuid], event: Option<&NewEvent>) -> StoreResult<Vec<Effect>> {
        let statement = |ids: Vec<Uuid>| query(sql!("processes/delete.sql")).bind(colony.0).bind(ids);
        let fits = |known: &KnownState| known.state != ProcessState::Running;
        let effects = change(self, colony, ids, fits, statement, event).await?;
        if effects.contains(&Effect::Changed) {
            clean_up(self, ids).await;
        }
        Ok(effects)
    }
}

/// Deletes what a deletion could not see: attempts that came meanwhile, and batches of signatures that nothing refers to any more.
async fn clean_up(store: &PostgresStore, deleted: &[Uuid]) {
    let done: Result<(), Fault> = async {
        let mut session = store.session().await?;
        session.changed_little(query(sql!("processes/delete_attempts.sql")).bind(deleted)).await?;
        session.changed_little(query(sql!("signatures/forget.sql"))).await?;
        Ok(())
    }
    .await;
    // The processes are deleted all the same; the next deletion removes the batches that are left.
    if let Err(fault) = done {
        tracing::debug!(error = %StoreError::from(fault), "not everything of deleted processes was deleted");
    }
}

/// Runs the statement, and reads the states of the processes that it did not change. A process that was in transition, and is now in a
/// state that allows the change, is tried again.
async fn change<'q>(
    store: &PostgresStore,
    colony: ColonyKey,
    ids: &[Uuid],
    fits: impl Fn(&KnownState) -> bool,
    statement: impl Fn(Vec<Uuid>) -> Statement<'q>,
    event: Option<&NewEvent>,
) -> StoreResult<Vec<Effect>> {
    let mut effects: HashMap<Uuid, Effect> = HashMap::with_capacity(ids.len());
    let mut open: Vec<Uuid> = ids.to_vec();
    let mut conflicts = Conflicts::default();
    while !open.is_empty() {
        match changed_with(store, colony, &open, statement(open.clone()), event).await {
            Ok(changed) => {
                open.retain(|id| !changed.contains(id));
                effects.extend(changed.into_iter().map(|id| (id, Effect::Changed)));
            }
            Err(Fault::Conflict(_)) if conflicts.again() => continue,
            Err(fault) => return Err(fault.into()),
        }
        if open.is_empty() {
            break;
        }
        // A statement sees one moment, and a row that another transaction is moving is in none of the tables that it may change. So no
        // row is no proof that the state forbids it: only the state read afterwards is.
        let states = states(store, colony, &open).await?;
        for id in &open {
            match states.get(id) {
                None => drop(effects.insert(*id, Effect::Unknown)),
                Some(known) if !fits(known) => drop(effects.insert(*id, checks::unfit(known))),
                Some(_) => {}
            }
        }
        open.retain(|id| !effects.contains_key(id));
        // Bounded like a lost race: a process can change its state as often as its executor likes.
        if !open.is_empty() && !conflicts.again() {
            return Err(Fault::Conflict("a process went from state to state while it was to be changed".into()).into());
        }
    }
    Ok(ids.iter().map(|id| effects.get(id).copied().unwrap_or(Effect::Unknown)).collect())
}

/// Runs the statement, and stores the event for each process that it changed, in the order of `ids`.
async fn changed_with(
    store: &PostgresStore,
    colony: ColonyKey,
    ids: &[Uuid],
    statement: Statement<'_>,
    event: Option<&NewEvent>,
) -> Result<HashSet<Uuid>, Fault> {
    if event.is_none() {
        return changed(store, statement).await;
    }
    let mut session = store.session().await?;
    session.begin().await?;
    let changed: HashSet<Uuid> = process_ids(&session.rows(statement).await?)?.into_iter().collect();
    events::record_each(&mut session, colony, event, ids.iter().filter(|id| changed.contains(id))).await?;
    session.commit().await?;
    Ok(changed)
}

async fn changed(store: &PostgresStore, statement: Statement<'_>) -> Result<HashSet<Uuid>, Fault> {
    Ok(process_ids(&store.session().await?.rows(statement).await?)?.into_iter().collect())
}

async fn states(store: &PostgresStore, colony: ColonyKey, ids: &[Uuid]) -> StoreResult<HashMap<Uuid, KnownState>> {
    let select = query(sql!("processes/states.sql")).bind(colony.0).bind(ids);
    store.session().await?.rows(select).await?.iter().map(|row| rows::known_state(row)).collect()
}
