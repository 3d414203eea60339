-- The rest of a process's life, the same tables as in Postgres: what it requires and is limited by, how it is cancelled, what it
-- says while it runs, who its executors are, and what the colony's operators pause, limit, guard and do in bulk.

-- The order of a queue gets a stamp that grows strictly at each broker, in microseconds: first in, first out, also within one
-- millisecond.
ALTER TABLE specs RENAME COLUMN priority_time_ms TO priority_time_us;
ALTER TABLE queue RENAME COLUMN priority_time_ms TO priority_time_us;
UPDATE specs SET priority_time_us = priority_time_us * 1000;
UPDATE queue SET priority_time_us = priority_time_us * 1000;

-- Null where there are none, so that the usual row stays short. The queue has a copy of all that a claim decides by.
ALTER TABLE specs ADD COLUMN submit_by_ms INTEGER NOT NULL DEFAULT 9223372036854775807;
ALTER TABLE specs ADD COLUMN requires TEXT;
ALTER TABLE specs ADD COLUMN concurrency_key TEXT;
ALTER TABLE specs ADD COLUMN rate_key TEXT;
ALTER TABLE queue ADD COLUMN function TEXT NOT NULL DEFAULT '';
ALTER TABLE queue ADD COLUMN requires TEXT;
ALTER TABLE queue ADD COLUMN concurrency_key TEXT;
ALTER TABLE queue ADD COLUMN rate_key TEXT;
-- What is left of `max_wait` while it stands still under a pause; `wait_deadline_ms` is null then.
ALTER TABLE queue ADD COLUMN wait_left_ms INTEGER;
UPDATE queue SET function = (SELECT spec.function FROM specs AS spec WHERE spec.process_id = queue.process_id);
CREATE INDEX queue_concurrency_key ON queue (colony, concurrency_key) WHERE concurrency_key IS NOT NULL;
CREATE INDEX queue_rate_key ON queue (colony, rate_key) WHERE rate_key IS NOT NULL;
CREATE INDEX queue_with_keys ON queue (colony, executor_type)
    WHERE concurrency_key IS NOT NULL OR rate_key IS NOT NULL;

-- Why a process is blocked: `parents`, `not_before`, `backoff` or `snooze`; and how many parents it waits for, null for none.
-- Until that is null, `until_ms` does not free it.
ALTER TABLE blocked ADD COLUMN cause TEXT NOT NULL DEFAULT 'backoff';
ALTER TABLE blocked ADD COLUMN parents_left INTEGER;
DROP INDEX blocked_until;
CREATE INDEX blocked_until ON blocked (until_ms) WHERE parents_left IS NULL;

-- Who waits for whom. Rows of a child that does not wait any more mean nothing, and go with its parents' ends.
CREATE TABLE dependencies (
    child BLOB NOT NULL,
    parent BLOB NOT NULL,
    PRIMARY KEY (parent, child)
) STRICT, WITHOUT ROWID;
CREATE INDEX dependencies_child ON dependencies (child);

-- A cancellation is a mark on the lease until the executor, or the deadline, ends it.
ALTER TABLE leases ADD COLUMN function TEXT NOT NULL DEFAULT '';
ALTER TABLE leases ADD COLUMN concurrency_key TEXT;
ALTER TABLE leases ADD COLUMN cancel_deadline_ms INTEGER;
ALTER TABLE leases ADD COLUMN cancel_reason TEXT;
ALTER TABLE leases ADD COLUMN cancel_by TEXT;
ALTER TABLE leases ADD COLUMN renewed_at_ms INTEGER;
-- Which run of the executor claimed it, by a number of its choice; null if it did not say.
ALTER TABLE leases ADD COLUMN instance INTEGER;
UPDATE leases SET function = (SELECT spec.function FROM specs AS spec WHERE spec.process_id = leases.process_id);
CREATE INDEX leases_concurrency_key ON leases (colony, concurrency_key) WHERE concurrency_key IS NOT NULL;

-- Who cancelled or discarded it. The index serves retention and statistics.
ALTER TABLE finished ADD COLUMN ended_by TEXT;
-- By which process it was replaced. Until that is submitted there is a time since when it is to be.
ALTER TABLE finished ADD COLUMN replaced_by BLOB;
ALTER TABLE finished ADD COLUMN replacing_since_ms INTEGER;
CREATE INDEX finished_at ON finished (colony, finished_at_ms, process_id);

-- Retention goes by state and age; counting and listing go by state.
DROP INDEX finished_state;
CREATE INDEX finished_state ON finished (colony, state, finished_at_ms);
-- What is deleted takes its key along.
CREATE INDEX idempotency_keys_process ON idempotency_keys (process_id);

-- Deleted processes whose specs could still be submitted again: the same bytes must not run twice.
CREATE TABLE deleted (
    process_id BLOB NOT NULL PRIMARY KEY,
    colony INTEGER NOT NULL,
    digest BLOB NOT NULL,
    state TEXT NOT NULL,
    replaced_by BLOB,
    forget_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX deleted_forget_at ON deleted (forget_at_ms);

-- The last signed progress of a process, and the last that carries a checkpoint for the next attempt.
CREATE TABLE progress (
    process_id BLOB NOT NULL PRIMARY KEY,
    colony INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    number INTEGER NOT NULL,
    executor INTEGER NOT NULL,
    reported_at_ms INTEGER NOT NULL,
    percent REAL,
    message TEXT,
    signature BLOB NOT NULL,
    payload BLOB NOT NULL,
    checkpoint_executor INTEGER,
    checkpoint_attempt INTEGER,
    checkpoint_signature BLOB,
    checkpoint_payload BLOB
) STRICT;

CREATE TABLE logs (
    line INTEGER PRIMARY KEY AUTOINCREMENT,
    colony INTEGER NOT NULL,
    process_id BLOB NOT NULL,
    attempt INTEGER NOT NULL,
    executor INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    level TEXT NOT NULL,
    message TEXT NOT NULL,
    fields TEXT
) STRICT;
CREATE INDEX logs_process ON logs (process_id, line);
CREATE INDEX logs_colony ON logs (colony, line);

-- How much each process has logged: its bounds are checked without counting its lines.
CREATE TABLE log_totals (
    process_id BLOB NOT NULL PRIMARY KEY,
    lines INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE attributes (
    process_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    PRIMARY KEY (process_id, kind, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE pauses (
    colony INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    paused_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (colony, kind, name)
) STRICT, WITHOUT ROWID;

-- Zero means no limit of that sort.
CREATE TABLE limits (
    colony INTEGER NOT NULL,
    kind TEXT NOT NULL,
    pattern TEXT NOT NULL,
    running_max INTEGER NOT NULL,
    policy TEXT NOT NULL,
    rate_count INTEGER NOT NULL,
    interval_ms INTEGER NOT NULL,
    burst INTEGER NOT NULL,
    set_by TEXT NOT NULL,
    set_at_ms INTEGER NOT NULL,
    PRIMARY KEY (colony, kind, pattern)
) STRICT, WITHOUT ROWID;

-- Token buckets of rates; a bucket that is full need not be here.
CREATE TABLE buckets (
    colony INTEGER NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    tokens REAL NOT NULL,
    filled_at_ms INTEGER NOT NULL,
    full_at_ms INTEGER NOT NULL,
    PRIMARY KEY (colony, kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX buckets_full_at ON buckets (full_at_ms);

-- What executors say of themselves, and when they were last heard: one row for each key and executor type. The type is empty
-- in the row that a grant makes, before the executor has said which it is.
CREATE TABLE executors (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    colony INTEGER NOT NULL,
    key BLOB NOT NULL,
    executor_type TEXT NOT NULL,
    name TEXT NOT NULL,
    registered_at_ms INTEGER,
    rejected_at_ms INTEGER,
    last_heard_ms INTEGER,
    offer TEXT,
    functions TEXT,
    version TEXT,
    slots INTEGER,
    UNIQUE (colony, key, executor_type)
) STRICT;
CREATE INDEX executors_list ON executors (colony, number);
INSERT INTO executors (colony, key, executor_type, name)
SELECT colony, grantee, '', max(name) FROM grants WHERE role = 'executor' GROUP BY colony, grantee;

-- Names of executors that are to take no new work.
CREATE TABLE drains (
    colony INTEGER NOT NULL,
    name TEXT NOT NULL,
    drained_by TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (colony, name)
) STRICT, WITHOUT ROWID;

-- About one grant, or all grants of a key.
CREATE TABLE revocations (
    colony INTEGER NOT NULL,
    revocation_id BLOB NOT NULL,
    grant_id BLOB,
    grantee BLOB,
    added_at_ms INTEGER NOT NULL,
    signature BLOB NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (colony, revocation_id)
) STRICT;
ALTER TABLE grants ADD COLUMN revoked_from_ms INTEGER;
CREATE INDEX grants_revoked ON grants (revoked_from_ms) WHERE revoked_from_ms IS NOT NULL;

CREATE TABLE guards (
    colony INTEGER NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    signature BLOB NOT NULL,
    payload BLOB NOT NULL
) STRICT;

-- Actions on all processes that match. `after_ms` and `after_id` are where the walk goes on; whoever holds `held_until_ms` walks.
CREATE TABLE bulks (
    bulk_id BLOB NOT NULL PRIMARY KEY,
    colony INTEGER NOT NULL,
    action TEXT NOT NULL,
    filter TEXT NOT NULL,
    reason TEXT NOT NULL,
    started_by TEXT NOT NULL,
    state TEXT NOT NULL,
    matched INTEGER NOT NULL,
    -- 1 if more than `matched` may match.
    more_may_match INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    skipped INTEGER NOT NULL,
    started_at_ms INTEGER NOT NULL,
    ended_at_ms INTEGER,
    after_ms INTEGER,
    after_id BLOB,
    held_by BLOB,
    held_until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX bulks_list ON bulks (colony, started_at_ms, bulk_id);
CREATE INDEX bulks_open ON bulks (held_until_ms) WHERE state = 'running';

DROP VIEW processes;

-- Processes as they are shown: the spec's plain parts, the state, and the names of those who took part. Only left
-- joins, so that SQLite can fold the view into the statement that reads it and use the index that suits it.
CREATE VIEW processes AS
    SELECT spec.process_id, spec.colony, spec.function, spec.executor_type, spec.priority, spec.submitted_at_ms,
           spec.submitter, spec.labels,
           CASE
               WHEN queue.process_id IS NOT NULL THEN 'waiting'
               WHEN blocked.process_id IS NOT NULL THEN 'blocked'
               WHEN leases.process_id IS NOT NULL THEN 'running'
               ELSE finished.state
           END AS state,
           coalesce(queue.attempt, blocked.attempt, leases.attempt, finished.attempt) AS attempt,
           coalesce(queue.retries_spent, blocked.retries_spent, leases.retries_spent, finished.retries_spent)
               AS retries_spent,
           coalesce(queue.since_ms, blocked.since_ms, leases.claimed_at_ms, finished.finished_at_ms) AS since_ms,
           coalesce(
               CASE WHEN blocked.parents_left IS NULL OR blocked.until_ms > blocked.since_ms THEN blocked.until_ms END,
               leases.expires_at_ms
           ) AS until_ms,
           (SELECT name FROM grants WHERE grants.key = spec.submitter) AS submitter_name,
           (SELECT name FROM grants WHERE grants.key = coalesce(
               leases.executor,
               (SELECT executor FROM attempts AS ended
                WHERE ended.process_id = spec.process_id ORDER BY ended.attempt DESC LIMIT 1)
           )) AS executor_name,
           coalesce(
               finished.reason, leases.cancel_reason,
               (SELECT reason FROM attempts AS ended
                WHERE ended.process_id = spec.process_id ORDER BY ended.attempt DESC LIMIT 1)
           ) AS reason,
           coalesce(finished.ended_by, leases.cancel_by) AS ended_by, leases.cancel_deadline_ms, blocked.cause,
           CASE
               WHEN progress.attempt = coalesce(queue.attempt, blocked.attempt, leases.attempt, finished.attempt)
               THEN progress.percent
           END AS percent,
           progress.message AS progress
    FROM specs AS spec
    LEFT JOIN queue ON queue.process_id = spec.process_id
    LEFT JOIN blocked ON blocked.process_id = spec.process_id
    LEFT JOIN leases ON leases.process_id = spec.process_id
    LEFT JOIN finished ON finished.process_id = spec.process_id
    LEFT JOIN progress ON progress.process_id = spec.process_id;
