-- The streams of events: accepted changes and refusals, in the order of their commits.

-- The end of each colony's stream: the last position, and the number of stored changes and refusals. A transaction that adds events updates
-- the row last, and keeps its lock until the commit; hence the order.
CREATE TABLE apiary.event_heads (
    colony bigint PRIMARY KEY,
    position bigint NOT NULL,
    changes bigint NOT NULL,
    refusals bigint NOT NULL
);

-- Empty text means that there is none.
CREATE TABLE apiary.events (
    colony bigint NOT NULL,
    position bigint NOT NULL,
    time_ms bigint NOT NULL,
    count bigint NOT NULL,
    process_id uuid,
    is_refusal boolean NOT NULL,
    is_proven boolean NOT NULL,
    kind text NOT NULL,
    method text NOT NULL,
    reason text NOT NULL,
    key bytea,
    name text NOT NULL,
    address text NOT NULL,
    function text NOT NULL,
    request_id text NOT NULL,
    subject text NOT NULL,
    detail text NOT NULL,
    PRIMARY KEY (colony, position)
);
-- For retention, which has a bound of its own for refusals.
CREATE INDEX events_refusals ON apiary.events (colony, position) WHERE is_refusal;
