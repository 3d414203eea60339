//! The store: one contract, two databases. A process's state is which thin table its row is in; a
//! transition deletes from one and inserts into the next in one transaction, and a row that is not there
//! to be deleted means that somebody else was first.
//!
//! Every SQL statement is a file of its own under `postgres/` or `sqlite/`, named after its method.

mod allowance;
mod assignment;
mod ceiling;
mod checks;
mod error;
mod gates;
mod logbook;
mod overflow;
pub mod postgres;
mod rows;
mod schema;
pub mod sqlite;

use std::collections::HashMap;
use std::time::Duration;

use apiary_identity::{Clock, Envelope, Grant, Id, Revocation};
use uuid::Uuid;

use crate::model::{
    Announcement, Attached, Attempt, Attribute, AttributeBatch, Bulk, BulkState, BulkStep, Cancel, CheckpointSize,
    ClaimSlot, Claims, Colony, ColonyKey, Completion, Contact, Discard, Effect, ExecutorCursor, ExecutorFilter,
    ExecutorRecord, ExplainRecord, Failure, Forgettable, FunctionStatistics, GrantCursor, GrantKey, GrantRecord,
    Holders, Lane, LeaseEnd, LeaseRecord, LimitKind, LimitRecord, LimitUse, LogBatch, LogCursor, LogFilter, LogLine,
    NewProcess, Page, Parent, Pause, Paused, PendingRoom, ProcessCursor, ProcessFilter, ProcessRecord, ProcessState,
    ProcessSummary, Registration, Release, Renewal, Renewed, Report, Reported, Resubmission, RevokedGrant, Settled,
    SpecRecord, StoredGrant, StoredProgress, Submitted, Troubles, WaitingSort, WaitingType,
};

pub use error::StoreError;

/// What every method answers with.
pub type StoreResult<T> = Result<T, StoreError>;

/// What the broker asks of a database.
///
/// Laws that hold for every method:
/// - When it returns `Ok`, the change is on disk (commit with `fsync`); when it returns `Err`, either nothing
///   changed or the connection broke during the commit, and repeating the call is safe.
/// - Times are Unix milliseconds, handed in: the store reads no clock.
/// - Batches are answered in the order of their items, one answer an item; an empty batch asks nothing of the
///   database. No batch has two items of the same process (or, in `submit`, of the same idempotency key).
/// - Rows of one colony are never seen through another colony's key.
#[async_trait::async_trait]
pub trait Store: Send + Sync + 'static {
    /// Which database this is, `postgres` or `sqlite`.
    fn kind(&self) -> &'static str;

    /// Brings the schema up to date, forward only. Safe when several brokers start at once.
    async fn migrate(&self) -> StoreResult<()>;

    /// Fails, naming the fix, unless the schema is exactly the one this broker was built for.
    async fn check_schema(&self) -> StoreResult<()>;

    /// Fails unless changes can be committed: one was within the last `age_max`, or a small one is now. Callers who come at once
    /// share one write.
    async fn prove_writable(&self, age_max: Duration, now_ms: i64) -> StoreResult<()>;

    /// The database's clock, Unix milliseconds, where several brokers share the database; else `None`.
    async fn database_time_ms(&self) -> StoreResult<Option<i64>>;

    /// Ends all connections after their statements in progress.
    async fn close(&self);

    // Colonies.

    /// Creates a colony; the same id with the same name again returns the first.
    /// [`StoreError::Taken`] if the id has another name or the name another id.
    async fn create_colony(&self, id: &Id, name: &str, now_ms: i64) -> StoreResult<Colony>;

    /// The colony of this key.
    async fn get_colony(&self, id: &Id) -> StoreResult<Option<Colony>>;

    /// How many processes are in each state that has any.
    async fn count_states(&self, colony: ColonyKey) -> StoreResult<Vec<(ProcessState, i64)>>;

    /// Keeps the colony's signed rules in place of an older version; the same bytes again change nothing.
    /// [`StoreError::Taken`] if a newer version is kept, or another document of this one.
    async fn set_guard(&self, colony: &Colony, version: i64, envelope: &Envelope) -> StoreResult<()>;

    /// The colony's signed rules, its signature checked: what was altered in the database is a [`StoreError::Corrupt`].
    async fn get_guard(&self, colony: &Colony) -> StoreResult<Option<Envelope>>;

    // Grants. A `GrantRecord` comes back with its signature checked: one altered in the database is
    // a [`StoreError::Corrupt`].

    /// Keeps a grant; true if it was there. [`StoreError::Taken`] if its id belongs to another grant. An executor's makes the
    /// executor known, and forgets that it was turned down. A grant that was revoked before, by its id or its key, is dead
    /// from the start.
    async fn add_grant(&self, colony: &Colony, grant: &Grant, envelope: &Envelope, now_ms: i64) -> StoreResult<bool>;

    /// Every grant for this key, oldest first, expired and revoked ones too.
    async fn grants_of_key(&self, colony: &Colony, key: &Id) -> StoreResult<Vec<GrantRecord>>;

    /// These grants, unverified, in any order; those that do not exist are left out. What was tampered with is passed
    /// on for the reader to find: it must neither hide a process nor hold up the others.
    async fn grants_by_key(&self, keys: &[GrantKey]) -> StoreResult<Vec<StoredGrant>>;

    /// One page of grants, oldest first, unverified: for showing and checking elsewhere.
    async fn list_grants(&self, colony: &Colony, page: Page<GrantCursor>) -> StoreResult<Vec<StoredGrant>>;

    /// Every grant for these keys, oldest first, unverified: for showing.
    async fn grants_of_keys(&self, colony: &Colony, keys: &[Id]) -> StoreResult<Vec<StoredGrant>>;

    /// Keeps a revocation, and marks the grants that it names as revoked from now; returns all that it names. The same again
    /// changes nothing. [`StoreError::Taken`] if its id belongs to another revocation. Leases under these grants stay for
    /// [`removed_leases`](Self::removed_leases).
    async fn revoke_grant(
        &self,
        colony: &Colony,
        revocation: &Revocation,
        envelope: &Envelope,
        now_ms: i64,
    ) -> StoreResult<Vec<RevokedGrant>>;

    /// Grants of all colonies that were revoked since, the last first, at most `limit`.
    async fn revoked_grants(&self, since_ms: i64, limit: i64) -> StoreResult<Vec<RevokedGrant>>;

    // Executors: what they say of themselves. A row is a key and an executor type.

    /// Keeps what an executor says of itself, in the place of what it said before. False if it is not granted, is not yet
    /// kept, and there is no room for another that waits. Being turned down stays.
    async fn register_executor(
        &self,
        colony: ColonyKey,
        registration: &Registration,
        room: PendingRoom,
        now_ms: i64,
    ) -> StoreResult<bool>;

    /// Turns a key down that registered and never had an executor's grant; false if there is none.
    async fn reject_executor(&self, colony: ColonyKey, key: &Id, now_ms: i64) -> StoreResult<bool>;

    /// One page of executors by their first appearance, with how many leases they hold that are not over at `now_ms`. One that
    /// is known by its grant alone has no executor type, and is left out once its key has said one.
    async fn list_executors(
        &self,
        colony: ColonyKey,
        filter: &ExecutorFilter,
        page: Page<ExecutorCursor>,
        now_ms: i64,
    ) -> StoreResult<Vec<ExecutorRecord>>;

    /// Notes when executors were heard, and makes those known that were not; the later moment counts. No two contacts are of
    /// the same colony, key and type.
    async fn hear_executors(&self, contacts: &[Contact]) -> StoreResult<()>;

    /// Has executors of this name take no new work.
    async fn drain_executor(&self, colony: ColonyKey, name: &str, drained_by: &str, now_ms: i64) -> StoreResult<()>;

    /// Lets executors of this name take work again.
    async fn drain_executor_off(&self, colony: ColonyKey, name: &str) -> StoreResult<()>;

    /// What executors with a grant announce, those heard last first.
    async fn list_functions(
        &self,
        colony: ColonyKey,
        executor_type: Option<&str>,
        limit: i64,
    ) -> StoreResult<Vec<Announcement>>;

    /// How functions did, by executor type and name: of the last `maxima[0]` processes that finished since, at most
    /// `maxima[1]` functions.
    async fn function_statistics(
        &self,
        colony: ColonyKey,
        executor_type: Option<&str>,
        since_ms: i64,
        maxima: [i64; 2],
    ) -> StoreResult<Vec<FunctionStatistics>>;

    // Processes.

    /// Keeps processes: each signed spec as an immutable row, its idempotency key, and a thin row in `queue` (or,
    /// if `not_before_ms` lies after `now_ms`, in `blocked`). An item whose process id or live idempotency key
    /// is taken changes nothing and answers with what is there.
    async fn submit(&self, processes: &[NewProcess], now_ms: i64) -> StoreResult<Vec<Submitted>>;

    /// The same, and holds the new processes to the limits of their concurrency keys whose policy is not to queue, in the same
    /// transaction: at most so many of a key are unfinished afterwards, or on the way to their end, up to
    /// [`LIMIT_CANCELS_MAX`](crate::limits::LIMIT_CANCELS_MAX). Says also which were cancelled for it, the new ones among them.
    async fn submit_limited(
        &self,
        processes: &[NewProcess],
        now_ms: i64,
    ) -> StoreResult<(Vec<Submitted>, Vec<(ColonyKey, Uuid)>)>;

    /// Redrives the processes that specs met by their idempotency keys: failed ones and dead letters of the same submitter's key.
    /// Remembers each spec that does so, until its `submit_by_ms`, and answers it with that process from then on; so it never does
    /// so twice. Says which of them did. No two specs of a batch met the same process.
    async fn submit_redrive(&self, specs: &[Resubmission], now_ms: i64) -> StoreResult<Vec<bool>>;

    /// How [`submit`](Self::submit) would answer what was submitted before: the same spec, also if it was deleted, or another with its
    /// idempotency key.
    async fn known(&self, process: &NewProcess, now_ms: i64) -> StoreResult<Option<Submitted>>;

    /// Processes of the colony that another is to wait for; those that do not exist are left out.
    async fn parents(&self, colony: ColonyKey, process_ids: &[Uuid]) -> StoreResult<HashMap<Uuid, Parent>>;

    /// One process.
    async fn get_process(&self, colony: ColonyKey, process_id: Uuid) -> StoreResult<Option<ProcessRecord>>;

    /// These processes' summaries, in any order; those that do not exist are left out. For watchers.
    async fn summaries(&self, process_ids: &[Uuid]) -> StoreResult<Vec<ProcessSummary>>;

    /// The last attempts at a process, at most [`ATTEMPTS_MAX`](crate::limits::ATTEMPTS_MAX), oldest first, the running one
    /// last.
    async fn attempts(&self, process_id: Uuid) -> StoreResult<Vec<Attempt>>;

    /// One attempt at a process, by its number.
    async fn attempt(&self, process_id: Uuid, attempt: i32) -> StoreResult<Option<Attempt>>;

    /// One page of the colony's processes that match, newest first.
    async fn list_processes(
        &self,
        colony: ColonyKey,
        filter: &ProcessFilter,
        page: Page<ProcessCursor>,
    ) -> StoreResult<Vec<ProcessSummary>>;

    /// How many of the colony's processes match.
    async fn count_processes(&self, colony: ColonyKey, filter: &ProcessFilter) -> StoreResult<i64>;

    /// Whether any grant of the colony, also an old one, has this name.
    async fn is_named(&self, colony: ColonyKey, name: &str) -> StoreResult<bool>;

    // Bulk actions. One broker at a time holds one, and goes on with it in steps.

    /// Keeps a bulk action that was just started; false if one of its id is there, or as many run in its colony as the first of
    /// `bounds` allows. Of those that ended, at least the newest stay that the second says.
    async fn start_bulk(&self, bulk: &Bulk, bounds: [i64; 2]) -> StoreResult<bool>;

    /// One bulk action.
    async fn get_bulk(&self, colony: ColonyKey, bulk_id: Uuid) -> StoreResult<Option<Bulk>>;

    /// The colony's last bulk actions, newest first.
    async fn list_bulks(&self, colony: ColonyKey, limit: i64) -> StoreResult<Vec<Bulk>>;

    /// Moves a bulk action from running to stopped, or back; false if it is not in that state.
    async fn stop_bulk(&self, colony: ColonyKey, bulk_id: Uuid, go_on: bool, now_ms: i64) -> StoreResult<bool>;

    /// Takes a running bulk action that nobody holds, for `broker_id`, until then.
    async fn hold_bulk(&self, broker_id: Uuid, now_ms: i64, until_ms: i64) -> StoreResult<Option<Bulk>>;

    /// Keeps how far it is; the state that it is in then, or `None` if another broker holds it.
    async fn advance_bulk(&self, bulk_id: Uuid, broker_id: Uuid, step: &BulkStep) -> StoreResult<Option<BulkState>>;
    // What operators do to processes: at most a few hundred at a time, and each of the colony. An item that is not in a state
    // for it changes nothing; the answer says in which it is.

    /// Cancels: what waits or is blocked at once; a lease gets the mark, ends at the deadline at the latest, and its process is
    /// cancelled then, however it ends. A lease that has the mark keeps its words, and the earlier deadline.
    async fn cancel(
        &self,
        colony: ColonyKey,
        process_ids: &[Uuid],
        cancel: &Cancel,
        now_ms: i64,
    ) -> StoreResult<Vec<Effect>>;

    /// Lets dead letters and failed processes wait again, at their place, with all their retries. Attempts stay, and their
    /// numbers go on.
    async fn redrive(&self, colony: ColonyKey, process_ids: &[Uuid], now_ms: i64) -> StoreResult<Vec<Effect>>;

    /// Keeps a dead letter or a failed process for another to take its place, which is to be submitted next: nobody else can
    /// redrive it from then on. The same other again changes nothing; an other that is there already is refused.
    async fn replace(&self, colony: ColonyKey, process_id: Uuid, replaced_by: Uuid, now_ms: i64)
    -> StoreResult<Effect>;

    /// Lets go of a process whose replacement was to come at `until_ms` or before, and is not there.
    async fn replace_off(&self, colony: ColonyKey, process_id: Uuid, until_ms: i64) -> StoreResult<()>;

    /// Gives dead letters up: failed from `now_ms` on.
    async fn discard(
        &self,
        colony: ColonyKey,
        process_ids: &[Uuid],
        discard: &Discard,
        now_ms: i64,
    ) -> StoreResult<Vec<Effect>>;

    /// Lets blocked processes wait now, but for those that wait for parents.
    async fn retry(&self, colony: ColonyKey, process_ids: &[Uuid], now_ms: i64) -> StoreResult<Vec<Effect>>;

    /// Deletes processes that do not run, with all that belongs to them. Until its `submit_by_ms` is forgotten, the same spec
    /// submitted again is answered with the state that it was deleted in, and does not run. With `finished_until_ms`, for
    /// retention, only what has been finished since then or longer.
    async fn delete(
        &self,
        colony: ColonyKey,
        process_ids: &[Uuid],
        finished_until_ms: Option<i64>,
    ) -> StoreResult<Vec<Effect>>;

    // Leases.

    /// Moves the first waiting processes of a lane from `queue` to `leases`, by `priority_time_us`, ties by process id, at
    /// most [`CLAIM_PASS_COUNT_MAX`](crate::limits::CLAIM_PASS_COUNT_MAX): each to the first slot that still has room, whose
    /// offer meets what it requires, and one of whose grants has a name that it accepts and covers its function. Nothing
    /// is taken that is paused (the colony, the type, the function), and nothing under a grant whose name is being
    /// drained. A process that no slot can take stays and does not hinder those behind it. Never waits for rows that
    /// another broker is claiming. A lease ends after the slot's `lease_ms`, or earlier, at its `max_exec`; both from the time that
    /// the clock shows when all waiting for connections and locks is over. Where nobody can take what waits, it walks
    /// [`CLAIM_WALK_MAX`](crate::limits::CLAIM_WALK_MAX) processes in a transaction, and goes on in the next.
    async fn claim(&self, lane: &Lane, slots: &[ClaimSlot], clock: &dyn Clock) -> StoreResult<Claims>;

    /// Prolongs leases that are still held (the token matches) and not yet over at `now_ms`, but never past the deadline of a
    /// cancellation; `None` for a lost lease. Says whether the executor is being drained, as its grant names it.
    async fn renew(&self, renewals: &[Renewal], now_ms: i64) -> StoreResult<Vec<Option<Renewed>>>;

    /// The leases of these processes, in any order; those not leased are left out.
    async fn leases(&self, process_ids: &[Uuid]) -> StoreResult<Vec<LeaseRecord>>;

    /// The signed specs of these processes, in any order.
    async fn specs(&self, process_ids: &[Uuid]) -> StoreResult<Vec<SpecRecord>>;

    /// Ends attempts with success: from `leases` to `finished`, the result kept. Lost is a lease that is gone, of another
    /// attempt or executor, or over at `now_ms`. One that is being cancelled ends so, and its result is not kept.
    async fn complete(&self, completions: &[Completion], now_ms: i64) -> StoreResult<Vec<LeaseEnd>>;

    /// Ends attempts otherwise: from `leases` to wherever `next` says, or, being cancelled, to `finished`; the ending kept.
    /// A process that waits again keeps its place in the queue (its `priority_time_us`).
    async fn fail(&self, failures: &[Failure], now_ms: i64) -> StoreResult<Vec<LeaseEnd>>;

    /// Gives leases back, no retry spent: to `queue`, at their place, or to `blocked` where they are to wait; or, being
    /// cancelled, to `finished`.
    async fn release(&self, releases: &[Release], now_ms: i64) -> StoreResult<Vec<LeaseEnd>>;

    // Pauses: what no claim hands out, at any broker, from the commit on. What runs goes on.

    /// Keeps a pause; the pause as it is kept, which is the first one if it was paused already, and whether it was.
    /// `None` if [`PAUSES_MAX`](crate::limits::PAUSES_MAX) other things of the colony are paused.
    async fn pause(&self, colony: ColonyKey, pause: &Pause) -> StoreResult<Option<(Pause, bool)>>;

    /// Ends a pause; whether there was one. The waits of the processes that no other pause covers are counted on.
    async fn resume(&self, colony: ColonyKey, what: &Paused, now_ms: i64) -> StoreResult<bool>;

    /// Every pause of the colony, by kind and name.
    async fn list_pauses(&self, colony: ColonyKey) -> StoreResult<Vec<Pause>>;

    // What holds work up: for showing, and never for deciding.

    /// A process with what decides whether it runs, and how long what finished since had run.
    async fn explain(&self, colony: ColonyKey, process_id: Uuid, since_ms: i64) -> StoreResult<Option<ExplainRecord>>;

    /// Who holds the places of a limit for this key or name, and what is left of its rate.
    async fn limit_holders(&self, colony: ColonyKey, kind: LimitKind, key: &str) -> StoreResult<Holders>;

    /// Sorts the waiting work of a lane by all that decides who may have it: the thousand largest sorts among so many of the first.
    async fn waiting_sorts(&self, lane: &Lane, rows: i64) -> StoreResult<Vec<WaitingSort>>;

    /// What waits, by executor type, of one colony or of all: at most a thousand types, those that wait longest first.
    /// Takes no longer when more waits: each is counted up to a bound.
    async fn waiting_types(&self, colony: Option<ColonyKey>) -> StoreResult<Vec<(Colony, WaitingType)>>;

    /// The colony's dead letters, what failed since `since_ms` because nobody took it, what waits for its surroundings, and failed
    /// processes that others wait for, those first that most wait for; each up to a bound.
    async fn troubles(&self, colony: ColonyKey, since_ms: i64) -> StoreResult<Troubles>;
    // While it runs. What is not of the lease's holder changes nothing, also if the lease ends in the same moment.

    /// Keeps the last signed progress of processes, and the last with a checkpoint, which outlives the attempt. A report whose
    /// attempt and number are not beyond those kept changes nothing.
    async fn report(&self, reports: &[Report], now_ms: i64) -> StoreResult<Vec<Reported>>;

    /// The last signed progress of a process.
    async fn progress(&self, process_id: Uuid) -> StoreResult<Option<StoredProgress>>;

    /// How large the last signed progress with a checkpoint of each of these processes is. Those without are left out, and those
    /// whose signer's grant is revoked.
    async fn checkpoint_sizes(&self, process_ids: &[Uuid]) -> StoreResult<Vec<CheckpointSize>>;

    /// The last signed progress with a checkpoint of each of these processes, in any order; the same are left out.
    async fn checkpoints(&self, process_ids: &[Uuid]) -> StoreResult<Vec<StoredProgress>>;

    /// Keeps log lines, as many of each batch as the process still has room for
    /// ([`LOG_LINES_MAX`](crate::limits::LOG_LINES_MAX), [`LOG_BYTES_MAX`](crate::limits::LOG_BYTES_MAX)), from its first on.
    /// The answer is how many were dropped, or `None` for a lost lease. The numbers of one process's lines grow in the order
    /// of their commits.
    async fn add_logs(&self, batches: &[LogBatch], now_ms: i64) -> StoreResult<Vec<Option<usize>>>;

    /// One page of the colony's log lines that match, oldest first.
    async fn list_logs(
        &self,
        colony: ColonyKey,
        filter: &LogFilter,
        page: Page<LogCursor>,
    ) -> StoreResult<Vec<LogLine>>;

    /// The last `count` of the colony's log lines that match, newest first.
    async fn list_last_logs(&self, colony: ColonyKey, filter: &LogFilter, count: i64) -> StoreResult<Vec<LogLine>>;

    /// Attaches values to processes; one of the same kind and key replaces the older. A batch that would give its process more
    /// than [`ATTRIBUTES_MAX`](crate::limits::ATTRIBUTES_MAX) attaches none.
    async fn set_attributes(&self, batches: &[AttributeBatch], now_ms: i64) -> StoreResult<Vec<Attached>>;

    /// What is attached to a process, by kind and key.
    async fn attributes(&self, process_id: Uuid) -> StoreResult<Vec<Attribute>>;
    // Limits. A claim gives nothing beyond them, at any broker, and what it takes of a rate is kept in its own transaction. A
    // concurrency key that no limit fits runs one at a time.

    /// Keeps a limit, in place of one of the same kind and pattern; a claim that begins afterwards goes by it. False if
    /// [`LIMITS_MAX`](crate::limits::LIMITS_MAX) others are kept.
    async fn set_limit(&self, colony: ColonyKey, record: &LimitRecord) -> StoreResult<bool>;

    /// Removes a limit; whether there was one.
    async fn remove_limit(&self, colony: ColonyKey, kind: LimitKind, pattern: &str) -> StoreResult<bool>;

    /// Every limit of the colony, by kind and pattern.
    async fn list_limits(&self, colony: ColonyKey) -> StoreResult<Vec<LimitRecord>>;

    /// What the colony's keys use of their limits, and its limited functions and executor types, those that use most first: at
    /// most [`LIMIT_USES_READ`](crate::limits::LIMIT_USES_READ).
    async fn list_limit_uses(&self, colony: ColonyKey) -> StoreResult<Vec<LimitUse>>;

    // Sweeps. Each does at most `limit` rows; fewer than `limit` means that nothing more is due.

    /// Leases that are over, by their end or their `max_exec`. Changes nothing.
    async fn overdue_leases(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<LeaseRecord>>;

    /// Processes that ended for ever, and that others still wait for.
    async fn ended_parents(&self, limit: i64) -> StoreResult<Vec<Uuid>>;

    /// Ends the waiting for those of these processes that ended for ever: who waited for the last of its parents is free for
    /// [`unblock`](Self::unblock); who waits for one that was replaced waits for that; who waits for one that never succeeds is
    /// cancelled. At most `limit` waitings for each of these ends, and for each that was replaced; nothing ended means that nothing
    /// is left to end, or that another broker is at it.
    async fn settle(&self, parents: &[Uuid], now_ms: i64, limit: i64) -> StoreResult<Settled>;

    /// Moves processes whose time has come, and that wait for no parents, from `blocked` to `queue`; says which, and in which lane.
    async fn unblock(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<(Uuid, Lane)>>;

    /// Moves processes whose `max_wait` is over from `queue` to `finished`, failed; says which, and in which lane. None of them is
    /// paused: time under a pause does not count. Those that are due and paused are not due any more until the resume.
    async fn expire_waiting(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<(Uuid, Lane)>>;

    /// Leases under revoked grants that are not over at `now_ms`. Changes nothing.
    async fn removed_leases(&self, now_ms: i64, limit: i64) -> StoreResult<Vec<LeaseRecord>>;

    /// Forgets executors that were not heard for long; says how many. Those turned down, and those known by their grant
    /// alone, stay.
    async fn forget_executors(&self, which: Forgettable, limit: i64) -> StoreResult<u64>;

    /// Forgets idempotency keys whose retention is over; says how many.
    async fn forget_idempotency_keys(&self, now_ms: i64, limit: i64) -> StoreResult<u64>;

    /// Finished processes of this state, of any colony, that were finished at `finished_until_ms` or before, but for those
    /// whose idempotency key is still kept. Changes nothing.
    async fn past_retention(
        &self,
        state: ProcessState,
        finished_until_ms: i64,
        now_ms: i64,
        limit: i64,
    ) -> StoreResult<Vec<(ColonyKey, Uuid)>>;

    /// Forgets deleted processes whose `submit_by_ms` is `now_ms` or before; says how many.
    async fn forget_deleted(&self, now_ms: i64, limit: i64) -> StoreResult<u64>;

    /// Forgets buckets of rates that are full again; says how many.
    async fn forget_buckets(&self, now_ms: i64, limit: i64) -> StoreResult<u64>;

    /// When the first of these sweeps has something to do: the least end of a lease, of a block, of a wait.
    async fn next_deadline_ms(&self) -> StoreResult<Option<i64>>;

    // Between brokers.

    /// Tells the other brokers on this database something, at most 7,900 bytes; nothing where there are none. A hint:
    /// it may get lost.
    async fn notify(&self, message: &str) -> StoreResult<()>;

    /// What other brokers (and this one) tell from now on; `None` where there are none.
    async fn listen(&self) -> StoreResult<Option<tokio::sync::mpsc::Receiver<String>>>;
}
