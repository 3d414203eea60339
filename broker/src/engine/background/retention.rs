//! Retention of finished processes, and of the ids of deleted ones.
//!
//! A range of finished processes leaves in one statement, in the order of their ends, and the next range begins where the last one ended:
//! what must be kept is passed over once. A pass over what was kept comes later, and takes a small part of the time. While there is more to
//! delete there is no pause, except that statements are short: in SQLite, callers wait for them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use apiary_daemon::Throttle;
use apiary_identity::Clock;
use apiary_store::model::{ColonyKey, ProcessState, RangeResult, RetentionRange};
use apiary_store::{Store, StoreResult};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::passes::sweep;
use crate::engine::retention::{BEGINNING_MS, RetentionProgress};
use crate::limits::{
    DELETED_KEPT_MS, RETENTION_BEHIND_MS, RETENTION_KEPT_SHARE, RETENTION_PAUSE_AFTER_FAILURE, RETENTION_ROWS_FIRST,
    RETENTION_ROWS_MAX, RETENTION_ROWS_MIN, RETENTION_STATEMENT, RETENTION_TURN,
};

/// The sweep that deletes processes past their retention.
pub(crate) struct Keeper {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    progress: Arc<RetentionProgress>,
    lines: Throttle,
    /// The number of processes that the next statement reads.
    rows: i64,
    passes: HashMap<(ColonyKey, ProcessState), KeptPass>,
}

/// The pass over what was kept behind a front, to delete what may leave by now.
#[derive(Clone, Copy)]
struct KeptPass {
    /// The number of processes kept behind the front.
    kept: i64,
    /// The time up to which the pass has come, and the number of processes that it kept.
    after_ms: i64,
    kept_again: i64,
    /// The time that the pass has taken.
    took: Duration,
    /// The time at which the pass begins.
    due_ms: i64,
}

/// The end of a turn at one colony and state.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The end: nothing more is due.
    Done,
    /// A rest that is due at once.
    More,
    /// Another broker is deleting.
    Busy,
}

impl Keeper {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        progress: Arc<RetentionProgress>,
        lines: Throttle,
    ) -> Self {
        Self { store, clock, progress, lines, rows: RETENTION_ROWS_FIRST, passes: HashMap::new() }
    }

    /// Deletes until `stop`.
    pub(crate) async fn run(&mut self, stop: &CancellationToken) {
        let look = Duration::from_millis(u64::try_from(self.progress.look_ms()).unwrap_or(0));
        loop {
            let pause = match sweep("retention", self.look(stop)).await {
                Ok(true) => Duration::ZERO,
                Ok(false) => look,
                Err(error) => {
                    // Perhaps the statement took too long.
                    self.rows = (self.rows / 2).max(RETENTION_ROWS_MIN);
                    let error = error.to_string();
                    if let Some(held_back) = self.lines.pass(&format!("retention {error}")) {
                        tracing::warn!(error, held_back, "processes past their retention not deleted; trying again");
                    }
                    RETENTION_PAUSE_AFTER_FAILURE
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Gives each colony and state a turn; true if there is more to do at once.
    async fn look(&mut self, stop: &CancellationToken) -> StoreResult<bool> {
        let now_ms = self.clock.now_ms();
        let forgotten = self.store.forget_deleted(now_ms.saturating_sub(DELETED_KEPT_MS), RETENTION_ROWS_MAX).await?;
        let mut is_more = forgotten >= u64::try_from(RETENTION_ROWS_MAX).unwrap_or(u64::MAX);
        for (state, kept_ms) in self.progress.states() {
            let until_ms = now_ms.saturating_sub(kept_ms);
            let due = self.store.past_retention(state, until_ms, &self.progress.fronts(state)).await?;
            for (colony, first_ms) in due {
                let turn = self.advance(colony, state, until_ms, stop).await?;
                self.report(colony, state, first_ms, until_ms, turn).await?;
                match turn {
                    Turn::Busy => return Ok(false),
                    Turn::More => is_more = true,
                    Turn::Done => {}
                }
            }
            for (colony, front_ms) in self.progress.fronts(state) {
                match self.pass_over_kept(colony, state, front_ms, stop).await? {
                    Turn::Busy => return Ok(false),
                    Turn::More => is_more = true,
                    Turn::Done => {}
                }
            }
        }
        Ok(is_more && !stop.is_cancelled())
    }

    /// Moves the front of a colony and state forward, for one turn.
    async fn advance(
        &mut self,
        colony: ColonyKey,
        state: ProcessState,
        until_ms: i64,
        stop: &CancellationToken,
    ) -> StoreResult<Turn> {
        let (begun, mut deleted) = (Instant::now(), 0);
        let turn = loop {
            let rows = self.rows;
            let after_ms = self.progress.front(colony, state);
            let Some(result) = self.delete(colony, state, after_ms, until_ms).await? else { break Turn::Busy };
            deleted += result.deleted;
            if let Some(last_ms) = result.last_ms {
                self.progress.set_front(colony, state, last_ms);
            }
            self.pass(colony, state).kept += result.read - result.deleted;
            if result.read < rows {
                break Turn::Done;
            }
            if begun.elapsed() >= RETENTION_TURN || stop.is_cancelled() {
                break Turn::More;
            }
        };
        self.count(state, deleted);
        Ok(turn)
    }

    /// Reads again what was kept behind the front, for one turn, if a pass is due.
    async fn pass_over_kept(
        &mut self,
        colony: ColonyKey,
        state: ProcessState,
        front_ms: i64,
        stop: &CancellationToken,
    ) -> StoreResult<Turn> {
        let now_ms = self.clock.now_ms();
        let pass = *self.pass(colony, state);
        // Also where nothing is known to be kept, if seldom: a hold may have hidden some from the last pass, and a slow commit, or a broker
        // whose clock is late, may have finished others there since.
        let rest_ms = if pass.kept == 0 { RETENTION_BEHIND_MS } else { 0 };
        if now_ms < pass.due_ms.saturating_add(rest_ms) {
            return Ok(Turn::Done);
        }
        let (begun, mut deleted) = (Instant::now(), 0);
        let turn = loop {
            let (rows, after_ms) = (self.rows, self.pass(colony, state).after_ms);
            let Some(result) = self.delete(colony, state, after_ms, front_ms).await? else { break Turn::Busy };
            deleted += result.deleted;
            let pass = self.pass(colony, state);
            pass.kept_again += result.read - result.deleted;
            pass.after_ms = result.last_ms.unwrap_or(pass.after_ms);
            if result.read < rows {
                break Turn::Done;
            }
            if begun.elapsed() >= RETENTION_TURN || stop.is_cancelled() {
                break Turn::More;
            }
        };
        let look_ms = self.progress.look_ms();
        let pass = self.pass(colony, state);
        pass.took += begun.elapsed();
        if turn == Turn::Done {
            let took_ms = i64::try_from(pass.took.as_millis()).unwrap_or(i64::MAX);
            let rest_ms = took_ms.saturating_mul(RETENTION_KEPT_SHARE).max(look_ms);
            *pass = KeptPass { kept: pass.kept_again, ..KeptPass::due_at(now_ms.saturating_add(rest_ms)) };
        }
        self.count(state, deleted);
        Ok(turn)
    }

    /// Runs one statement, and adapts the number of rows of the next one to the time that it took.
    async fn delete(
        &mut self,
        colony: ColonyKey,
        state: ProcessState,
        after_ms: i64,
        until_ms: i64,
    ) -> StoreResult<Option<RangeResult>> {
        let now_ms = self.clock.now_ms();
        let record_after_ms = now_ms.saturating_sub(DELETED_KEPT_MS);
        let range = RetentionRange { colony, state, after_ms, until_ms, rows: self.rows, now_ms, record_after_ms };
        let begun = Instant::now();
        let result = self.store.delete_past(&range).await?;
        if let Some(result) = result {
            self.rows = next_rows(self.rows, result.read, begun.elapsed());
        }
        Ok(result)
    }

    fn pass(&mut self, colony: ColonyKey, state: ProcessState) -> &mut KeptPass {
        let due_ms = self.clock.now_ms().saturating_add(self.progress.look_ms());
        self.passes.entry((colony, state)).or_insert_with(|| KeptPass::due_at(due_ms))
    }

    fn count(&self, state: ProcessState, deleted: i64) {
        if deleted > 0 {
            tracing::info!(deleted, state = state.as_str(), "processes past their retention");
        }
    }

    /// Logs that a process outstays its retention. `first_ms` is the end of the first process before the turn.
    async fn report(
        &self,
        colony: ColonyKey,
        state: ProcessState,
        first_ms: i64,
        until_ms: i64,
        turn: Turn,
    ) -> StoreResult<()> {
        let front_ms = self.progress.front(colony, state);
        let behind_ms = until_ms.saturating_sub(front_ms.max(first_ms));
        let is_held = turn == Turn::Done && front_ms < first_ms;
        if behind_ms <= self.progress.lag_ms() || !(is_held || turn == Turn::More) {
            return Ok(());
        }
        let hold = if is_held { self.store.list_retention_holds(colony).await?.into_iter().next() } else { None };
        // Neither held nor left: another broker deleted them meanwhile.
        if is_held && hold.is_none() {
            return Ok(());
        }
        if let Some(held_back) = self.lines.pass(if is_held { "retention is held" } else { "retention lags" }) {
            let (state, behind_s, hold) = (state.as_str(), behind_ms / 1000, hold.map(|hold| hold.name));
            tracing::warn!(colony = colony.0, state, behind_s, hold, held_back, "processes outstay their retention");
        }
        Ok(())
    }
}

impl KeptPass {
    fn due_at(due_ms: i64) -> Self {
        Self { kept: 0, after_ms: BEGINNING_MS, kept_again: 0, took: Duration::ZERO, due_ms }
    }
}

/// Returns the number of rows that take the intended time, if the last statement read so many of so many in this time.
fn next_rows(rows: i64, read: i64, took: Duration) -> i64 {
    // Little was read, and fast: that says nothing about more.
    if read < rows / 2 && took <= RETENTION_STATEMENT {
        return rows;
    }
    let (goal, took) = (RETENTION_STATEMENT.as_micros(), took.as_micros().max(1));
    let fitting = u128::try_from(read).unwrap_or(0).saturating_mul(goal) / took;
    let fitting = i64::try_from(fitting).unwrap_or(i64::MAX);
    fitting.clamp(rows / 2, rows.saturating_mul(2)).clamp(RETENTION_ROWS_MIN, RETENTION_ROWS_MAX)
}

#[cfg(test)]
mod tests {
    use apiary_identity::ManualClock;
    use apiary_store::model::{Cancel, Colony, Retention, RetentionHold};
    use apiary_store_sqlite::SqliteStore;
    use jiff::Timestamp;
    use tempfile::TempDir;

    use super::*;
    use crate::engine::background::tests::{granted, process};

    /// The end of the processes of the tests.
    const ENDED_MS: i64 = 1_000_000;
    const KEPT_MS: i64 = 60_000;

    /// A sweep on a store with this many cancelled processes, of which the first ones are kept by their idempotency keys until a day later.
    async fn scene(all: i64, keyed: i64) -> (TempDir, Colony, Keeper, Arc<ManualClock>) {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folder.path().join("broker.db")).await.unwrap());
        store.migrate().await.unwrap();
        let (colony, submitter) = granted(&*store).await;
        let mut processes: Vec<_> = (0..all).map(|number| process(&colony, submitter, number)).collect();
        for (number, process) in (0..).zip(&mut processes) {
            let until_ms = ENDED_MS + 86_400_000;
            process.idempotency = (number < keyed).then(|| (number.to_string(), until_ms));
        }
        let cancel = Cancel { deadline_ms: 0, reason: String::new(), by: "ada".to_owned() };
        for (number, some) in (0..).zip(processes.chunks(10)) {
            store.submit(some, 0).await.unwrap();
            let ids: Vec<_> = some.iter().map(|process| process.process_id).collect();
            store.cancel(colony.key, &ids, &cancel, ENDED_MS + number, None).await.unwrap();
        }
        let retention = Retention { cancelled_ms: Some(KEPT_MS), ..Retention::default() };
        let clock = Arc::new(ManualClock::new(Timestamp::from_millisecond(ENDED_MS + 2 * KEPT_MS).unwrap()));
        let progress = Arc::new(RetentionProgress::new(retention));
        let keeper = Keeper::new(store, clock.clone(), progress, Throttle::new(clock.clone()));
        (folder, colony, keeper, clock)
    }

    /// Returns the number of cancelled processes.
    async fn left(keeper: &Keeper, colony: &Colony) -> i64 {
        let counts = keeper.store.count_states(Some(colony.key)).await.unwrap();
        counts.into_iter().find(|(state, _)| *state == ProcessState::Cancelled).map_or(0, |(_, count)| count)
    }

    #[tokio::test]
    async fn a_backlog_leaves_in_one_look_and_what_is_kept_leaves_when_it_may() {
        let (_folder, colony, mut keeper, clock) = scene(400, 200).await;
        keeper.rows = RETENTION_ROWS_MIN;
        let stop = CancellationToken::new();
        assert!(!keeper.look(&stop).await.unwrap());
        assert_eq!(left(&keeper, &colony).await, 200);
        let front = keeper.progress.front(colony.key, ProcessState::Cancelled);
        assert_eq!(front, ENDED_MS + 39, "what is kept is passed over");
        clock.advance(Duration::from_secs(86_400));
        assert!(!keeper.look(&stop).await.unwrap());
        assert_eq!(left(&keeper, &colony).await, 0, "the keys have ended");
        let pass = *keeper.pass(colony.key, ProcessState::Cancelled);
        assert_eq!((pass.kept, pass.after_ms), (0, BEGINNING_MS));
    }

    #[tokio::test]
    async fn what_is_kept_is_read_again_only_after_a_hundred_times_as_long() {
        let (_folder, colony, mut keeper, clock) = scene(100, 100).await;
        let stop = CancellationToken::new();
        keeper.look(&stop).await.unwrap();
        let key = (colony.key, ProcessState::Cancelled);
        assert_eq!(keeper.passes[&key].kept, 100);
        keeper.pass(key.0, key.1).took = Duration::from_secs(60);
        clock.advance(Duration::from_secs(60));
        keeper.look(&stop).await.unwrap();
        let pass = keeper.passes[&key];
        assert_eq!((pass.kept, pass.took), (100, Duration::ZERO));
        assert!(pass.due_ms >= clock.now_ms() + 6_000_000, "{}", pass.due_ms);
    }

    #[tokio::test]
    async fn a_hold_stops_the_front_and_moves_it_on() {
        let (_folder, colony, mut keeper, _) = scene(100, 0).await;
        let (store, stop) = (keeper.store.clone(), CancellationToken::new());
        for (from_ms, stay) in [(ENDED_MS + 4, 60), (ENDED_MS + 9, 10)] {
            let hold = RetentionHold { name: "payloads".to_owned(), from_ms };
            store.set_retention_hold(colony.key, &hold).await.unwrap();
            assert!(!keeper.look(&stop).await.unwrap());
            assert_eq!(left(&keeper, &colony).await, stay);
        }
        store.remove_retention_hold(colony.key, "payloads").await.unwrap();
        keeper.look(&stop).await.unwrap();
        assert_eq!(left(&keeper, &colony).await, 0);
    }

    #[test]
    fn statements_become_as_long_as_they_may_be() {
        let ms = Duration::from_millis;
        assert_eq!(next_rows(500, 500, RETENTION_STATEMENT), 500);
        assert_eq!(next_rows(500, 500, ms(1)), 1000, "at most twice as many");
        assert_eq!(next_rows(500, 500, RETENTION_STATEMENT * 10), 250, "at least half as many");
        assert_eq!(next_rows(60, 60, ms(60_000)), RETENTION_ROWS_MIN);
        assert_eq!(next_rows(RETENTION_ROWS_MAX, RETENTION_ROWS_MAX, ms(1)), RETENTION_ROWS_MAX);
    }

    #[test]
    fn a_statement_that_found_little_says_nothing_about_longer_ones() {
        assert_eq!(next_rows(500, 3, Duration::from_millis(1)), 500);
        assert_eq!(next_rows(500, 0, Duration::ZERO), 500);
        assert_eq!(next_rows(500, 3, RETENTION_STATEMENT * 2), 250, "but that it was slow does");
    }
}
