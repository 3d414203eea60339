-- The rest of a process's life: what it requires and is limited by, how it is cancelled, what it says while it runs, who its
-- executors are, and what the colony's operators pause, limit, guard and do in bulk.

-- The order of a queue gets a stamp that grows strictly at each broker, in microseconds: first in, first out, also within one
-- millisecond.
ALTER TABLE apiary.specs RENAME COLUMN priority_time_ms TO priority_time_us;
ALTER TABLE apiary.queue RENAME COLUMN priority_time_ms TO priority_time_us;
UPDATE apiary.specs SET priority_time_us = priority_time_us * 1000;
UPDATE apiary.queue SET priority_time_us = priority_time_us * 1000;

-- Null where there are none, so that the usual row stays short. The queue has a copy of all that a claim decides by.
ALTER TABLE apiary.specs
    ADD COLUMN submit_by_ms bigint NOT NULL DEFAULT 9223372036854775807,
    ADD COLUMN requires jsonb,
    ADD COLUMN concurrency_key text,
    ADD COLUMN rate_key text;
ALTER TABLE apiary.queue
    ADD COLUMN function text NOT NULL DEFAULT '',
    ADD COLUMN requires jsonb,
    ADD COLUMN concurrency_key text,
    ADD COLUMN rate_key text,
    -- What is left of `max_wait` while it stands still under a pause; `wait_deadline_ms` is null then.
    ADD COLUMN wait_left_ms bigint;
UPDATE apiary.queue SET function = spec.function
FROM apiary.specs AS spec
WHERE spec.process_id = queue.process_id;
ALTER TABLE apiary.queue ALTER COLUMN function DROP DEFAULT;
CREATE INDEX queue_concurrency_key ON apiary.queue (colony, concurrency_key) WHERE concurrency_key IS NOT NULL;
CREATE INDEX queue_rate_key ON apiary.queue (colony, rate_key) WHERE rate_key IS NOT NULL;
CREATE INDEX queue_with_keys ON apiary.queue (colony, executor_type)
    WHERE concurrency_key IS NOT NULL OR rate_key IS NOT NULL;

-- Why a process is blocked: `parents`, `not_before`, `backoff` or `snooze`; and how many parents it waits for, null for none.
-- Until that is null, `until_ms` does not free it.
ALTER TABLE apiary.blocked ADD COLUMN cause text NOT NULL DEFAULT 'backoff', ADD COLUMN parents_left integer;
ALTER TABLE apiary.blocked ALTER COLUMN cause DROP DEFAULT;
DROP INDEX apiary.blocked_until;
CREATE INDEX blocked_until ON apiary.blocked (until_ms) WHERE parents_left IS NULL;

-- Who waits for whom. Rows of a child that does not wait any more mean nothing, and go with its parents' ends.
CREATE TABLE apiary.dependencies (
    child uuid NOT NULL,
    parent uuid NOT NULL,
    PRIMARY KEY (parent, child)
);
CREATE INDEX dependencies_child ON apiary.dependencies (child);

-- A cancellation is a mark on the lease until the executor, or the deadline, ends it.
ALTER TABLE apiary.leases
    ADD COLUMN function text NOT NULL DEFAULT '',
    ADD COLUMN concurrency_key text,
    ADD COLUMN cancel_deadline_ms bigint,
    ADD COLUMN cancel_reason text,
    ADD COLUMN cancel_by text,
    ADD COLUMN renewed_at_ms bigint;
UPDATE apiary.leases SET function = spec.function
FROM apiary.specs AS spec
WHERE spec.process_id = leases.process_id;
ALTER TABLE apiary.leases ALTER COLUMN function DROP DEFAULT;
CREATE INDEX leases_concurrency_key ON apiary.leases (colony, concurrency_key) WHERE concurrency_key IS NOT NULL;

-- Who cancelled or discarded it. The index serves retention and statistics.
ALTER TABLE apiary.finished ADD COLUMN ended_by text;
-- By which process it was replaced. Until that is submitted there is a time since when it is to be.
ALTER TABLE apiary.finished
    ADD COLUMN replaced_by uuid,
    ADD COLUMN replacing_since_ms bigint;
CREATE INDEX finished_at ON apiary.finished (colony, finished_at_ms, process_id);

-- Retention goes by state and age; counting and listing go by state.
DROP INDEX apiary.finished_state;
CREATE INDEX finished_state ON apiary.finished (colony, state, finished_at_ms);
-- What is deleted takes its key along.
CREATE INDEX idempotency_keys_process ON apiary.idempotency_keys (process_id);

-- Deleted processes whose specs could still be submitted again: the same bytes must not run twice.
CREATE TABLE apiary.deleted (
    process_id uuid PRIMARY KEY,
    colony bigint NOT NULL,
    digest bytea NOT NULL,
    state text NOT NULL,
    replaced_by uuid,
    forget_at_ms bigint NOT NULL
);
CREATE INDEX deleted_forget_at ON apiary.deleted (forget_at_ms);

-- The last signed progress of a process, and the last that carries a checkpoint for the next attempt.
CREATE TABLE apiary.progress (
    process_id uuid PRIMARY KEY,
    colony bigint NOT NULL,
    attempt integer NOT NULL,
    number bigint NOT NULL,
    executor bigint NOT NULL,
    reported_at_ms bigint NOT NULL,
    percent double precision,
    message text,
    signature bytea NOT NULL,
    payload bytea NOT NULL,
    checkpoint_executor bigint,
    checkpoint_attempt integer,
    checkpoint_signature bytea,
    checkpoint_payload bytea
);

CREATE TABLE apiary.logs (
    line bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    colony bigint NOT NULL,
    process_id uuid NOT NULL,
    attempt integer NOT NULL,
    executor bigint NOT NULL,
    time_ms bigint NOT NULL,
    level text NOT NULL,
    message text NOT NULL,
    fields text
);
CREATE INDEX logs_process ON apiary.logs (process_id, line);
CREATE INDEX logs_colony ON apiary.logs (colony, line);

-- How much each process has logged: its bounds are checked without counting its lines.
CREATE TABLE apiary.log_totals (
    process_id uuid PRIMARY KEY,
    lines integer NOT NULL,
    bytes bigint NOT NULL
);

CREATE TABLE apiary.attributes (
    process_id uuid NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    attempt integer NOT NULL,
    PRIMARY KEY (process_id, kind, key)
);

CREATE TABLE apiary.pauses (
    colony bigint NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    paused_by text NOT NULL,
    reason text NOT NULL,
    since_ms bigint NOT NULL,
    PRIMARY KEY (colony, kind, name)
);

-- Zero means no limit of that sort.
CREATE TABLE apiary.limits (
    colony bigint NOT NULL,
    kind text NOT NULL,
    pattern text NOT NULL,
    running_max integer NOT NULL,
    policy text NOT NULL,
    rate_count integer NOT NULL,
    interval_ms bigint NOT NULL,
    burst integer NOT NULL,
    set_by text NOT NULL,
    set_at_ms bigint NOT NULL,
    PRIMARY KEY (colony, kind, pattern)
);

-- Token buckets of rates; a bucket that is full need not be here.
CREATE TABLE apiary.buckets (
    colony bigint NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    tokens double precision NOT NULL,
    filled_at_ms bigint NOT NULL,
    full_at_ms bigint NOT NULL,
    PRIMARY KEY (colony, kind, key)
);
CREATE INDEX buckets_full_at ON apiary.buckets (full_at_ms);

-- What executors say of themselves, and when they were last heard: one row for each key and executor type. The type is empty
-- in the row that a grant makes, before the executor has said which it is.
CREATE TABLE apiary.executors (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    colony bigint NOT NULL,
    key bytea NOT NULL,
    executor_type text NOT NULL,
    name text NOT NULL,
    registered_at_ms bigint,
    rejected_at_ms bigint,
    last_heard_ms bigint,
    offer text,
    functions text,
    version text,
    slots bigint,
    UNIQUE (colony, key, executor_type)
);
CREATE INDEX executors_list ON apiary.executors (colony, number);
INSERT INTO apiary.executors (colony, key, executor_type, name)
SELECT colony, grantee, '', max(name) FROM apiary.grants WHERE role = 'executor' GROUP BY colony, grantee;

-- Names of executors that are to take no new work.
CREATE TABLE apiary.drains (
    colony bigint NOT NULL,
    name text NOT NULL,
    drained_by text NOT NULL,
    since_ms bigint NOT NULL,
    PRIMARY KEY (colony, name)
);

-- About one grant, or all grants of a key.
CREATE TABLE apiary.revocations (
    colony bigint NOT NULL,
    revocation_id uuid NOT NULL,
    grant_id uuid,
    grantee bytea,
    added_at_ms bigint NOT NULL,
    signature bytea NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (colony, revocation_id)
);
ALTER TABLE apiary.grants ADD COLUMN revoked_from_ms bigint;
CREATE INDEX grants_revoked ON apiary.grants (revoked_from_ms) WHERE revoked_from_ms IS NOT NULL;

CREATE TABLE apiary.guards (
    colony bigint PRIMARY KEY,
    version bigint NOT NULL,
    signature bytea NOT NULL,
    payload bytea NOT NULL
);

-- Actions on all processes that match. `after_ms` and `after_id` are where the walk goes on; whoever holds `held_until_ms` walks.
CREATE TABLE apiary.bulks (
    bulk_id uuid PRIMARY KEY,
    colony bigint NOT NULL,
    action text NOT NULL,
    filter text NOT NULL,
    reason text NOT NULL,
    started_by text NOT NULL,
    state text NOT NULL,
    matched bigint NOT NULL,
    changed bigint NOT NULL,
    skipped bigint NOT NULL,
    started_at_ms bigint NOT NULL,
    ended_at_ms bigint,
    after_ms bigint,
    after_id uuid,
    held_by uuid,
    held_until_ms bigint NOT NULL
);
CREATE INDEX bulks_list ON apiary.bulks (colony, started_at_ms, bulk_id);
CREATE INDEX bulks_open ON apiary.bulks (held_until_ms) WHERE state = 'running';

DROP VIEW apiary.processes;
DROP VIEW apiary.states;

-- Where every process is in its life.
CREATE VIEW apiary.states AS
    SELECT process_id, colony, 'waiting' AS state, attempt, retries_spent, since_ms, NULL::bigint AS until_ms,
           NULL::bigint AS executor, NULL AS reason, NULL AS ended_by, NULL::bigint AS cancel_deadline_ms, NULL AS cause
    FROM apiary.queue
    UNION ALL
    SELECT process_id, colony, 'blocked', attempt, retries_spent, since_ms,
           CASE WHEN parents_left IS NULL OR until_ms > since_ms THEN until_ms END, NULL, NULL, NULL, NULL, cause
    FROM apiary.blocked
    UNION ALL
    SELECT process_id, colony, 'running', attempt, retries_spent, claimed_at_ms, expires_at_ms, executor, cancel_reason,
           cancel_by, cancel_deadline_ms, NULL
    FROM apiary.leases
    UNION ALL
    SELECT process_id, colony, state, attempt, retries_spent, finished_at_ms, NULL, NULL, reason, ended_by, NULL, NULL
    FROM apiary.finished;

-- Processes as they are shown: the spec's plain parts, the state, and the names of those who took part.
CREATE VIEW apiary.processes AS
    SELECT spec.process_id, spec.colony, spec.function, spec.executor_type, spec.priority, spec.submitted_at_ms,
           spec.submitter, spec.labels, life.state, life.attempt, life.retries_spent, life.since_ms, life.until_ms,
           submitter.name AS submitter_name, executor.name AS executor_name,
           coalesce(life.reason, last.reason) AS reason, life.ended_by, life.cancel_deadline_ms, life.cause,
           CASE WHEN progress.attempt = life.attempt THEN progress.percent END AS percent, progress.message AS progress
    FROM apiary.specs AS spec
    JOIN apiary.states AS life ON life.process_id = spec.process_id
    LEFT JOIN apiary.grants AS submitter ON submitter.key = spec.submitter
    LEFT JOIN LATERAL (
        SELECT ended.executor, ended.reason FROM apiary.attempts AS ended
        WHERE ended.process_id = spec.process_id
        ORDER BY ended.attempt DESC
        LIMIT 1
    ) AS last ON true
    LEFT JOIN apiary.grants AS executor ON executor.key = coalesce(life.executor, last.executor)
    LEFT JOIN apiary.progress AS progress ON progress.process_id = spec.process_id;
