-- The spool: what was answered and the broker does not have yet.
PRAGMA application_id = 1095780680; -- 'AP' 'IH'

-- Whose events these are: one row.
CREATE TABLE owner (
    colony TEXT NOT NULL
) STRICT;

-- In line, by seq. A spec is unsigned JSON; the adapter stamps and signs it when it is forwarded.
CREATE TABLE waiting (
    seq INTEGER PRIMARY KEY,
    idempotency_key TEXT NOT NULL UNIQUE,
    received_ms INTEGER NOT NULL,
    spec BLOB NOT NULL
) STRICT;

-- Out of line: the broker does not accept these. Kept until it does.
CREATE TABLE set_aside (
    seq INTEGER PRIMARY KEY,
    idempotency_key TEXT NOT NULL UNIQUE,
    received_ms INTEGER NOT NULL,
    refused_ms INTEGER NOT NULL,
    reason TEXT NOT NULL,
    message TEXT NOT NULL,
    spec BLOB NOT NULL
) STRICT;

PRAGMA user_version = 1;
