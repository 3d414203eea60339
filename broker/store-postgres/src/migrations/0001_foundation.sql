-- Tenants and their grants, the signed specs, and the thin tables that a process moves through.
--
-- Signed bytes (grants, specs, results) are written once and never updated. A process's state is which one of `queue`, `blocked`,
-- `leases`, `finished` holds its row. Times are Unix milliseconds unless a name says otherwise.
--
-- The payloads of specs, results and progress are compressed, one by one: `broker/store/src/documents.rs`.
--
-- Each row and each index entry is paid for in write-ahead log, in disk and in time, for every process. Therefore:
-- - columns that are 8 bytes wide come first, then those of 4, then the rest, so that no padding is stored; null where there is nothing;
-- - the last attempt of a finished process is a part of its row in `finished`;
-- - an index on a time has no second column that only breaks ties: equal entries then share one (`deduplicate_items`);
-- - the hot tables have no foreign keys: each would lock the row it points to, once a row, on every transition.

CREATE TABLE apiary.colonies (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at_ms bigint NOT NULL,
    id bytea NOT NULL UNIQUE,
    name text NOT NULL UNIQUE
);

-- The colony's rules for its executors.
CREATE TABLE apiary.guards (
    colony bigint PRIMARY KEY,
    version bigint NOT NULL,
    signature bytea NOT NULL,
    payload bytea NOT NULL
);

CREATE TABLE apiary.grants (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    colony bigint NOT NULL REFERENCES apiary.colonies (key),
    grant_id uuid NOT NULL,
    added_at_ms bigint NOT NULL,
    revoked_from_ms bigint,
    grantee bytea NOT NULL,
    role text NOT NULL,
    name text NOT NULL,
    signature bytea NOT NULL,
    payload bytea NOT NULL,
    UNIQUE (colony, grant_id)
);
CREATE INDEX grants_of_key ON apiary.grants (colony, grantee, key);
CREATE INDEX grants_list ON apiary.grants (colony, key);
CREATE INDEX grants_revoked ON apiary.grants (revoked_from_ms) WHERE revoked_from_ms IS NOT NULL;

-- About one grant, or all grants of a key.
CREATE TABLE apiary.revocations (
    colony bigint NOT NULL,
    revocation_id uuid NOT NULL,
    grant_id uuid,
    added_at_ms bigint NOT NULL,
    grantee bytea,
    signature bytea NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (colony, revocation_id)
);

-- What executors say of themselves, and when they were last heard: one row for each key and executor type. The type is empty
-- in the row that a grant makes, before the executor has said which it is.
CREATE TABLE apiary.executors (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    colony bigint NOT NULL,
    registered_at_ms bigint,
    rejected_at_ms bigint,
    last_heard_ms bigint,
    slots bigint,
    key bytea NOT NULL,
    executor_type text NOT NULL,
    name text NOT NULL,
    offer text,
    functions text,
    version text,
    UNIQUE (colony, key, executor_type)
);
CREATE INDEX executors_list ON apiary.executors (colony, number);

-- Names of executors that are to take no new work.
CREATE TABLE apiary.drains (
    colony bigint NOT NULL,
    since_ms bigint NOT NULL,
    name text NOT NULL,
    drained_by text NOT NULL,
    PRIMARY KEY (colony, name)
);

-- Null where there are none, so that the usual row is short and not indexed: a `max_wait` or `max_exec` without limit, names, labels,
-- requirements, keys.
CREATE TABLE apiary.specs (
    process_id uuid PRIMARY KEY,
    colony bigint NOT NULL,
    submitter bigint NOT NULL,
    -- The place in the queue, in microseconds: a stamp that grows strictly at each broker, less the priority.
    priority_time_us bigint NOT NULL,
    submitted_at_ms bigint NOT NULL,
    submit_by_ms bigint NOT NULL,
    max_wait_ms bigint,
    max_exec_ms bigint,
    priority integer NOT NULL,
    max_retries integer NOT NULL,
    function text NOT NULL,
    executor_type text NOT NULL,
    -- The hash of the document as a leaf of RFC 6962: a zero byte and the signed encoding.
    digest bytea NOT NULL,
    executor_names jsonb,
    labels jsonb,
    requires jsonb,
    concurrency_key text,
    rate_key text,
    signature bytea NOT NULL,
    payload bytea NOT NULL
);
-- The list of processes, newest first. Its second order is the process id, by which only those of the same millisecond are sorted.
CREATE INDEX specs_list ON apiary.specs (colony, submitted_at_ms);
CREATE INDEX specs_labels ON apiary.specs USING gin (labels jsonb_path_ops) WHERE labels IS NOT NULL;

-- Processes that wait for an executor, with a copy of all that a claim decides by.
-- Rows come and go all the time: vacuum early, so that the head of the claim's index stays free of dead entries.
CREATE TABLE apiary.queue (
    process_id uuid PRIMARY KEY,
    colony bigint NOT NULL,
    priority_time_us bigint NOT NULL,
    since_ms bigint NOT NULL,
    wait_deadline_ms bigint,
    -- What is left of `max_wait` while it stands still under a pause; `wait_deadline_ms` is null then.
    wait_left_ms bigint,
    attempt integer NOT NULL,
    retries_spent integer NOT NULL,
    executor_type text NOT NULL,
    function text NOT NULL,
    executor_names jsonb,
    requires jsonb,
    concurrency_key text,
    rate_key text
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX queue_lane ON apiary.queue (colony, executor_type, priority_time_us, process_id);
CREATE INDEX queue_wait_deadline ON apiary.queue (wait_deadline_ms) WHERE wait_deadline_ms IS NOT NULL;
CREATE INDEX queue_concurrency_key ON apiary.queue (colony, concurrency_key) WHERE concurrency_key IS NOT NULL;
CREATE INDEX queue_rate_key ON apiary.queue (colony, rate_key) WHERE rate_key IS NOT NULL;
CREATE INDEX queue_with_keys ON apiary.queue (colony, executor_type)
    WHERE concurrency_key IS NOT NULL OR rate_key IS NOT NULL;

-- Processes that cannot run yet. `cause` is `parents`, `not_before`, `backoff`, `snooze` or `surroundings`. `parents_left` is the number of
-- parents that it waits for, null for none: until then `until_ms` does not free it.
CREATE TABLE apiary.blocked (
    process_id uuid PRIMARY KEY,
    colony bigint NOT NULL,
    since_ms bigint NOT NULL,
    until_ms bigint NOT NULL,
    attempt integer NOT NULL,
    retries_spent integer NOT NULL,
    parents_left integer,
    cause text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX blocked_until ON apiary.blocked (until_ms) WHERE parents_left IS NULL;
-- What is blocked because of its parents, or of what is out of order around it: a colony's health looks at the causes.
CREATE INDEX blocked_parents ON apiary.blocked (colony, since_ms) WHERE parents_left IS NOT NULL;
CREATE INDEX blocked_surroundings ON apiary.blocked (colony) WHERE cause = 'surroundings';

-- Who waits for whom. Rows of a child that does not wait any more mean nothing, and go with its parents' ends.
CREATE TABLE apiary.dependencies (
    child uuid NOT NULL,
    parent uuid NOT NULL,
    PRIMARY KEY (parent, child)
);
CREATE INDEX dependencies_child ON apiary.dependencies (child);

-- Processes that run. Executor type, function and key are copies, by which limits count.
-- No index on `expires_at_ms`, and room in every page: a renewal then updates in place (HOT) and touches no index.
-- The sweep reads the whole table instead, which holds only what runs right now.
CREATE TABLE apiary.leases (
    process_id uuid PRIMARY KEY,
    colony bigint NOT NULL,
    executor bigint NOT NULL,
    claimed_at_ms bigint NOT NULL,
    expires_at_ms bigint NOT NULL,
    exec_deadline_ms bigint,
    -- Which run of the executor claimed it, by a number of its choice; null if it did not say.
    instance bigint,
    renewed_at_ms bigint,
    -- A cancellation is a mark on the lease until the executor, or this deadline, ends it.
    cancel_deadline_ms bigint,
    attempt integer NOT NULL,
    retries_spent integer NOT NULL,
    executor_type text NOT NULL,
    function text NOT NULL,
    concurrency_key text,
    cancel_reason text,
    cancel_by text
) WITH (
    fillfactor = 75,
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0
);
CREATE INDEX leases_concurrency_key ON apiary.leases (colony, concurrency_key) WHERE concurrency_key IS NOT NULL;

-- Attempts that ended, except the last of a finished process where it is in `finished`. The view `all_attempts` has both.
CREATE TABLE apiary.attempts (
    process_id uuid NOT NULL,
    executor bigint NOT NULL,
    claimed_at_ms bigint NOT NULL,
    ended_at_ms bigint NOT NULL,
    -- Since when this attempt and those right before it were given back because something around the work is out of order.
    waits_since_ms bigint,
    attempt integer NOT NULL,
    ending text NOT NULL,
    reason text,
    -- What is out of order around the work.
    waits_on text,
    result_signature bytea,
    result_payload bytea,
    PRIMARY KEY (process_id, attempt)
);

-- Signatures over many documents that were stored together: Ed25519, and the digest of each. The column of each document's signature
-- has the key and the index, 20 bytes. `members` counts those columns; a batch without any goes.
CREATE TABLE apiary.signature_batches (
    batch bytea PRIMARY KEY,
    members bigint NOT NULL,
    signed bytea NOT NULL
);
-- Nothing but hashes: there is nothing to compress.
ALTER TABLE apiary.signature_batches ALTER COLUMN signed SET STORAGE EXTERNAL;
CREATE INDEX signature_batches_unused ON apiary.signature_batches (batch) WHERE members <= 0;

-- Processes that are over. If `executor` is not null, the row is also the process's last attempt, which ended when the process did and
-- for the same reason; whatever changes that, or brings the process back, first moves the attempt to `attempts`. A process that was over
-- while nobody ran it, and one whose attempt ended for another reason than the process (a cancellation), has its last attempt in `attempts`.
CREATE TABLE apiary.finished (
    process_id uuid PRIMARY KEY,
    colony bigint NOT NULL,
    finished_at_ms bigint NOT NULL,
    executor bigint,
    claimed_at_ms bigint,
    -- By which process it was replaced. Until that is submitted there is a time since when it is to be.
    replacing_since_ms bigint,
    replaced_by uuid,
    attempt integer NOT NULL,
    retries_spent integer NOT NULL,
    state text NOT NULL,
    -- How the attempt ended; null for `succeeded`, as most do.
    ending text,
    reason text,
    -- Who cancelled or discarded it.
    ended_by text,
    result_signature bytea,
    result_payload bytea
);
-- Most processes succeed, and are in one index. Statements name the condition in these words, so that they find the indexes whatever their
-- parameters are.
CREATE INDEX finished_succeeded ON apiary.finished (colony, finished_at_ms) WHERE state = 'succeeded';
CREATE INDEX finished_otherwise ON apiary.finished (colony, finished_at_ms) WHERE state <> 'succeeded';
CREATE INDEX finished_state ON apiary.finished (colony, state, finished_at_ms) WHERE state <> 'succeeded';

CREATE TABLE apiary.idempotency_keys (
    process_id uuid NOT NULL,
    colony bigint NOT NULL,
    expires_at_ms bigint NOT NULL,
    function text NOT NULL,
    key text NOT NULL,
    PRIMARY KEY (colony, function, key)
);
CREATE INDEX idempotency_keys_expiry ON apiary.idempotency_keys (expires_at_ms);
-- What is deleted takes its key along.
CREATE INDEX idempotency_keys_process ON apiary.idempotency_keys (process_id);

-- Deleted processes whose specs could still be submitted again: the same bytes must not run twice.
CREATE TABLE apiary.deleted (
    process_id uuid PRIMARY KEY,
    colony bigint NOT NULL,
    forget_at_ms bigint NOT NULL,
    replaced_by uuid,
    -- The process that a spec put back in the queue, so that the same spec does so once; null for the spec of a deleted process.
    redrove uuid,
    digest bytea NOT NULL,
    state text NOT NULL
);
CREATE INDEX deleted_forget_at ON apiary.deleted (forget_at_ms);

-- The last signed progress of a process, and the last that carries a checkpoint for the next attempt.
CREATE TABLE apiary.progress (
    process_id uuid PRIMARY KEY,
    colony bigint NOT NULL,
    number bigint NOT NULL,
    executor bigint NOT NULL,
    reported_at_ms bigint NOT NULL,
    percent double precision,
    checkpoint_executor bigint,
    checkpoint_attempt integer,
    attempt integer NOT NULL,
    message text,
    signature bytea NOT NULL,
    payload bytea NOT NULL,
    checkpoint_signature bytea,
    checkpoint_payload bytea
);

CREATE TABLE apiary.logs (
    line bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    process_id uuid NOT NULL,
    colony bigint NOT NULL,
    executor bigint NOT NULL,
    time_ms bigint NOT NULL,
    attempt integer NOT NULL,
    level text NOT NULL,
    message text NOT NULL,
    fields text
);
CREATE INDEX logs_process ON apiary.logs (process_id, line);
CREATE INDEX logs_colony ON apiary.logs (colony, line);

-- How much each process has logged: its bounds are checked without counting its lines.
CREATE TABLE apiary.log_totals (
    process_id uuid PRIMARY KEY,
    bytes bigint NOT NULL,
    lines integer NOT NULL
);

CREATE TABLE apiary.attributes (
    process_id uuid NOT NULL,
    attempt integer NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (process_id, kind, key)
);

CREATE TABLE apiary.pauses (
    colony bigint NOT NULL,
    since_ms bigint NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    paused_by text NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (colony, kind, name)
);

-- Zero means no limit of that sort.
CREATE TABLE apiary.limits (
    colony bigint NOT NULL,
    interval_ms bigint NOT NULL,
    set_at_ms bigint NOT NULL,
    running_max integer NOT NULL,
    rate_count integer NOT NULL,
    burst integer NOT NULL,
    kind text NOT NULL,
    pattern text NOT NULL,
    policy text NOT NULL,
    set_by text NOT NULL,
    PRIMARY KEY (colony, kind, pattern)
);

-- Token buckets of rates; a bucket that is full need not be here.
CREATE TABLE apiary.buckets (
    colony bigint NOT NULL,
    filled_at_ms bigint NOT NULL,
    full_at_ms bigint NOT NULL,
    tokens double precision NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    PRIMARY KEY (colony, kind, key)
);
CREATE INDEX buckets_full_at ON apiary.buckets (full_at_ms);

-- Actions on all processes that match. `after_ms` and `after_id` are where the walk goes on; whoever holds `held_until_ms` walks.
CREATE TABLE apiary.bulks (
    bulk_id uuid PRIMARY KEY,
    colony bigint NOT NULL,
    matched bigint NOT NULL,
    -- 1 if more than `matched` may match.
    more_may_match bigint NOT NULL,
    changed bigint NOT NULL,
    skipped bigint NOT NULL,
    started_at_ms bigint NOT NULL,
    ended_at_ms bigint,
    after_ms bigint,
    after_id uuid,
    held_by uuid,
    held_until_ms bigint NOT NULL,
    action text NOT NULL,
    filter text NOT NULL,
    reason text NOT NULL,
    started_by text NOT NULL,
    state text NOT NULL
);
CREATE INDEX bulks_list ON apiary.bulks (colony, started_at_ms, bulk_id);
CREATE INDEX bulks_open ON apiary.bulks (held_until_ms) WHERE state = 'running';

-- Holds on a colony's history: nothing that finished at this time or later leaves by retention while the hold stands.
CREATE TABLE apiary.retention_holds (
    colony bigint NOT NULL,
    from_ms bigint NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (colony, name)
);

-- The row that is written when somebody asks whether a broker is ready and it committed nothing lately.
CREATE TABLE apiary.readiness (
    proved_at_ms bigint NOT NULL,
    one integer PRIMARY KEY CHECK (one = 1)
);

-- Finished processes that must stay, whatever their age: why, and until when. A process of a live idempotency key, because a repeat is
-- answered with it; and one that others wait for. Whatever else refers to processes belongs here.
CREATE VIEW apiary.kept_processes AS
    SELECT process_id, 'key' AS reason, expires_at_ms AS until_ms FROM apiary.idempotency_keys
    UNION ALL
    SELECT waited.parent, 'children', 9223372036854775807
    FROM apiary.dependencies AS waited
    -- Not a join, for which all that is blocked might be read.
    WHERE (SELECT parents_left FROM apiary.blocked AS child WHERE child.process_id = waited.child) IS NOT NULL;

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
    SELECT process_id, colony, state, attempt, retries_spent, finished_at_ms, NULL, executor, reason, ended_by, NULL, NULL
    FROM apiary.finished;

-- Every attempt that ended, wherever it is.
CREATE VIEW apiary.all_attempts AS
    SELECT process_id, attempt, executor, claimed_at_ms, ended_at_ms, ending, reason, waits_on, waits_since_ms, result_signature,
           result_payload
    FROM apiary.attempts
    UNION ALL
    SELECT process_id, attempt, executor, claimed_at_ms, finished_at_ms, coalesce(ending, 'succeeded'), reason, NULL, NULL,
           result_signature, result_payload
    FROM apiary.finished
    WHERE executor IS NOT NULL;

-- Processes as they are shown: the spec's plain parts, the state, and the names of those who took part. An executor in the state of a
-- process that does not run is that of its last attempt; otherwise the last attempt is in `attempts`.
CREATE VIEW apiary.processes AS
    SELECT spec.process_id, spec.colony, spec.function, spec.executor_type, spec.priority, spec.submitted_at_ms,
           spec.submitter, spec.labels, life.state, life.attempt, life.retries_spent, life.since_ms, life.until_ms,
           submitter.name AS submitter_name, executor.name AS executor_name,
           coalesce(life.reason, last.reason) AS reason, life.ended_by, life.cancel_deadline_ms, life.cause,
           CASE WHEN progress.attempt = life.attempt THEN progress.percent END AS percent, progress.message AS progress,
           -- The same colony, by which the tables of the states have indexes, too.
           life.colony AS life_colony
    FROM apiary.specs AS spec
    JOIN apiary.states AS life ON life.process_id = spec.process_id
    LEFT JOIN apiary.grants AS submitter ON submitter.key = spec.submitter
    LEFT JOIN LATERAL (
        SELECT ended.executor, ended.reason FROM apiary.attempts AS ended
        WHERE ended.process_id = spec.process_id AND (life.executor IS NULL OR life.state = 'running')
        ORDER BY ended.attempt DESC
        LIMIT 1
    ) AS last ON true
    LEFT JOIN apiary.grants AS executor ON executor.key = coalesce(life.executor, last.executor)
    LEFT JOIN apiary.progress AS progress ON progress.process_id = spec.process_id;
