-- The foundation: tenants, grants, signed specs, and the thin tables that a process moves through.
--
-- The same tables as in Postgres. The signed bytes (grants, specs, results in attempts) are written once and never
-- updated. A process's state is which one of `queue`, `blocked`, `leases`, `finished` holds its row. Times are Unix
-- milliseconds, process ids 16 bytes. The payloads of specs, results and progress are compressed, one by one:
-- `broker/store/src/documents.rs`.

CREATE TABLE colonies (
    key INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE grants (
    key INTEGER PRIMARY KEY,
    colony INTEGER NOT NULL REFERENCES colonies (key),
    grant_id BLOB NOT NULL,
    grantee BLOB NOT NULL,
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    added_at_ms INTEGER NOT NULL,
    signature BLOB NOT NULL,
    payload BLOB NOT NULL,
    UNIQUE (colony, grant_id)
) STRICT;
CREATE INDEX grants_of_key ON grants (colony, grantee, key);

-- Executor names and labels are null where there are none. The payload comes last: SQLite reads a row from its start.
CREATE TABLE specs (
    process_id BLOB NOT NULL UNIQUE,
    colony INTEGER NOT NULL,
    submitter INTEGER NOT NULL,
    priority_time_ms INTEGER NOT NULL,
    max_wait_ms INTEGER NOT NULL,
    max_exec_ms INTEGER NOT NULL,
    submitted_at_ms INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    max_retries INTEGER NOT NULL,
    function TEXT NOT NULL,
    executor_type TEXT NOT NULL,
    executor_names TEXT,
    labels TEXT,
    -- The hash of the document as a leaf of RFC 6962: a zero byte and the signed encoding.
    digest BLOB NOT NULL,
    signature BLOB NOT NULL,
    payload BLOB NOT NULL
) STRICT;
CREATE INDEX specs_list ON specs (colony, submitted_at_ms, process_id);

CREATE TABLE queue (
    process_id BLOB NOT NULL PRIMARY KEY,
    colony INTEGER NOT NULL,
    priority_time_ms INTEGER NOT NULL,
    since_ms INTEGER NOT NULL,
    wait_deadline_ms INTEGER,
    attempt INTEGER NOT NULL,
    retries_spent INTEGER NOT NULL,
    executor_type TEXT NOT NULL,
    executor_names TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX queue_lane ON queue (colony, executor_type, priority_time_ms, process_id);
CREATE INDEX queue_wait_deadline ON queue (wait_deadline_ms) WHERE wait_deadline_ms IS NOT NULL;

CREATE TABLE blocked (
    process_id BLOB NOT NULL PRIMARY KEY,
    colony INTEGER NOT NULL,
    since_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    retries_spent INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX blocked_until ON blocked (until_ms);

CREATE TABLE leases (
    process_id BLOB NOT NULL PRIMARY KEY,
    colony INTEGER NOT NULL,
    executor INTEGER NOT NULL,
    claimed_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    exec_deadline_ms INTEGER,
    attempt INTEGER NOT NULL,
    retries_spent INTEGER NOT NULL,
    executor_type TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
    process_id BLOB NOT NULL,
    attempt INTEGER NOT NULL,
    executor INTEGER NOT NULL,
    claimed_at_ms INTEGER NOT NULL,
    ended_at_ms INTEGER NOT NULL,
    ending TEXT NOT NULL,
    reason TEXT,
    result_signature BLOB,
    result_payload BLOB,
    UNIQUE (process_id, attempt)
) STRICT;

CREATE TABLE finished (
    process_id BLOB NOT NULL PRIMARY KEY,
    colony INTEGER NOT NULL,
    finished_at_ms INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    retries_spent INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX finished_state ON finished (colony, state);

CREATE TABLE idempotency_keys (
    colony INTEGER NOT NULL,
    function TEXT NOT NULL,
    key TEXT NOT NULL,
    process_id BLOB NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    PRIMARY KEY (colony, function, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at_ms);

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
           coalesce(blocked.until_ms, leases.expires_at_ms) AS until_ms,
           (SELECT name FROM grants WHERE grants.key = spec.submitter) AS submitter_name,
           (SELECT name FROM grants WHERE grants.key = coalesce(
               leases.executor,
               (SELECT executor FROM attempts AS ended
                WHERE ended.process_id = spec.process_id ORDER BY ended.attempt DESC LIMIT 1)
           )) AS executor_name,
           coalesce(
               finished.reason,
               (SELECT reason FROM attempts AS ended
                WHERE ended.process_id = spec.process_id ORDER BY ended.attempt DESC LIMIT 1)
           ) AS reason
    FROM specs AS spec
    LEFT JOIN queue ON queue.process_id = spec.process_id
    LEFT JOIN blocked ON blocked.process_id = spec.process_id
    LEFT JOIN leases ON leases.process_id = spec.process_id
    LEFT JOIN finished ON finished.process_id = spec.process_id;
