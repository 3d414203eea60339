-- The foundation: tenants, grants, signed specs, and the thin tables that a process moves through.
--
-- The signed bytes (grants, specs, results in attempts) are written once and never updated. A process's state is
-- which one of `queue`, `blocked`, `leases`, `finished` holds its row. Times are Unix milliseconds.
--
-- The hot tables have no foreign keys: each would lock the row it points to, once a row, on every transition.

CREATE TABLE apiary.colonies (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id bytea NOT NULL UNIQUE,
    name text NOT NULL UNIQUE,
    created_at_ms bigint NOT NULL
);

CREATE TABLE apiary.grants (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    colony bigint NOT NULL REFERENCES apiary.colonies (key),
    grant_id uuid NOT NULL,
    grantee bytea NOT NULL,
    role text NOT NULL,
    name text NOT NULL,
    added_at_ms bigint NOT NULL,
    signature bytea NOT NULL,
    payload bytea NOT NULL,
    UNIQUE (colony, grant_id)
);
CREATE INDEX grants_of_key ON apiary.grants (colony, grantee, key);
CREATE INDEX grants_list ON apiary.grants (colony, key);

-- Executor names and labels are null where there are none, so that the usual row is short and not indexed.
CREATE TABLE apiary.specs (
    process_id uuid PRIMARY KEY,
    colony bigint NOT NULL,
    submitter bigint NOT NULL,
    priority_time_ms bigint NOT NULL,
    max_wait_ms bigint NOT NULL,
    max_exec_ms bigint NOT NULL,
    submitted_at_ms bigint NOT NULL,
    priority integer NOT NULL,
    max_retries integer NOT NULL,
    function text NOT NULL,
    executor_type text NOT NULL,
    executor_names jsonb,
    labels jsonb,
    -- The hash of the document as a leaf of RFC 6962: a zero byte and the signed encoding.
    digest bytea NOT NULL,
    signature bytea NOT NULL,
    payload bytea NOT NULL
);
CREATE INDEX specs_list ON apiary.specs (colony, submitted_at_ms, process_id);
CREATE INDEX specs_labels ON apiary.specs USING gin (labels jsonb_path_ops) WHERE labels IS NOT NULL;

-- Rows come and go all the time: vacuum early, so that the head of the claim's index stays free of dead entries.
CREATE TABLE apiary.queue (
    process_id uuid PRIMARY KEY,
    colony bigint NOT NULL,
    priority_time_ms bigint NOT NULL,
    since_ms bigint NOT NULL,
    wait_deadline_ms bigint,
    attempt integer NOT NULL,
    retries_spent integer NOT NULL,
    executor_type text NOT NULL,
    executor_names jsonb
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX queue_lane ON apiary.queue (colony, executor_type, priority_time_ms, process_id);
CREATE INDEX queue_wait_deadline ON apiary.queue (wait_deadline_ms) WHERE wait_deadline_ms IS NOT NULL;

CREATE TABLE apiary.blocked (
    process_id uuid PRIMARY KEY,
    colony bigint NOT NULL,
    since_ms bigint NOT NULL,
    until_ms bigint NOT NULL,
    attempt integer NOT NULL,
    retries_spent integer NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX blocked_until ON apiary.blocked (until_ms);

-- No index on `expires_at_ms`, and room in every page: a renewal then updates in place (HOT) and touches no index.
-- The sweep reads the whole table instead, which holds only what runs right now.
CREATE TABLE apiary.leases (
    process_id uuid PRIMARY KEY,
    colony bigint NOT NULL,
    executor bigint NOT NULL,
    claimed_at_ms bigint NOT NULL,
    expires_at_ms bigint NOT NULL,
    exec_deadline_ms bigint,
    attempt integer NOT NULL,
    retries_spent integer NOT NULL,
    executor_type text NOT NULL
) WITH (
    fillfactor = 60,
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0
);

CREATE TABLE apiary.attempts (
    process_id uuid NOT NULL,
    attempt integer NOT NULL,
    executor bigint NOT NULL,
    claimed_at_ms bigint NOT NULL,
    ended_at_ms bigint NOT NULL,
    ending text NOT NULL,
    reason text,
    result_signature bytea,
    result_payload bytea,
    PRIMARY KEY (process_id, attempt)
);

CREATE TABLE apiary.finished (
    process_id uuid PRIMARY KEY,
    colony bigint NOT NULL,
    finished_at_ms bigint NOT NULL,
    attempt integer NOT NULL,
    retries_spent integer NOT NULL,
    state text NOT NULL,
    reason text
);
CREATE INDEX finished_state ON apiary.finished (colony, state);

CREATE TABLE apiary.idempotency_keys (
    colony bigint NOT NULL,
    function text NOT NULL,
    key text NOT NULL,
    process_id uuid NOT NULL,
    expires_at_ms bigint NOT NULL,
    PRIMARY KEY (colony, function, key)
);
CREATE INDEX idempotency_keys_expiry ON apiary.idempotency_keys (expires_at_ms);

-- Where every process is in its life.
CREATE VIEW apiary.states AS
    SELECT process_id, colony, 'waiting' AS state, attempt, retries_spent, since_ms,
           NULL::bigint AS until_ms, NULL::bigint AS executor, NULL AS reason
    FROM apiary.queue
    UNION ALL
    SELECT process_id, colony, 'blocked', attempt, retries_spent, since_ms, until_ms, NULL, NULL
    FROM apiary.blocked
    UNION ALL
    SELECT process_id, colony, 'running', attempt, retries_spent, claimed_at_ms, expires_at_ms, executor, NULL
    FROM apiary.leases
    UNION ALL
    SELECT process_id, colony, state, attempt, retries_spent, finished_at_ms, NULL, NULL, reason
    FROM apiary.finished;

-- Processes as they are shown: the spec's plain parts, the state, and the names of those who took part.
CREATE VIEW apiary.processes AS
    SELECT spec.process_id, spec.colony, spec.function, spec.executor_type, spec.priority, spec.submitted_at_ms,
           spec.submitter, spec.labels, life.state, life.attempt, life.retries_spent, life.since_ms, life.until_ms,
           submitter.name AS submitter_name, executor.name AS executor_name,
           coalesce(life.reason, last.reason) AS reason
    FROM apiary.specs AS spec
    JOIN apiary.states AS life ON life.process_id = spec.process_id
    LEFT JOIN apiary.grants AS submitter ON submitter.key = spec.submitter
    LEFT JOIN LATERAL (
        SELECT ended.executor, ended.reason FROM apiary.attempts AS ended
        WHERE ended.process_id = spec.process_id
        ORDER BY ended.attempt DESC
        LIMIT 1
    ) AS last ON true
    LEFT JOIN apiary.grants AS executor ON executor.key = coalesce(life.executor, last.executor);
