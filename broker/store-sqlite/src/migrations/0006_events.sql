-- The streams of events: accepted changes and refusals, in the order of their commits.

-- The end of each colony's stream: the last position, and the number of stored changes and refusals.
CREATE TABLE event_heads (
    colony INTEGER PRIMARY KEY,
    position INTEGER NOT NULL,
    changes INTEGER NOT NULL,
    refusals INTEGER NOT NULL
) STRICT;

-- Empty text means that there is none.
CREATE TABLE events (
    colony INTEGER NOT NULL,
    position INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    count INTEGER NOT NULL,
    process_id BLOB,
    is_refusal INTEGER NOT NULL,
    is_proven INTEGER NOT NULL,
    kind TEXT NOT NULL,
    method TEXT NOT NULL,
    reason TEXT NOT NULL,
    key BLOB,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    function TEXT NOT NULL,
    request_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (colony, position)
) STRICT, WITHOUT ROWID;
-- For retention, which has a bound of its own for refusals.
CREATE INDEX events_refusals ON events (colony, position) WHERE is_refusal = 1;
