-- The archives: which finished processes are in which object of a storage elsewhere.

-- The objects, in their order. The manifest is what the bee signed.
CREATE TABLE archives (
    key INTEGER PRIMARY KEY,
    colony INTEGER NOT NULL,
    number INTEGER NOT NULL,
    added_at_ms INTEGER NOT NULL,
    recorded INTEGER NOT NULL,
    object TEXT NOT NULL,
    digest BLOB NOT NULL,
    signer BLOB NOT NULL,
    signature BLOB NOT NULL,
    payload BLOB NOT NULL,
    UNIQUE (colony, number)
) STRICT;

-- Where each archived process is, and the end with which it is there. The rows stay when the process is deleted. One that was redriven and
-- finished again is in several objects.
CREATE TABLE archived (
    process_id BLOB NOT NULL,
    finished_at_ms INTEGER NOT NULL,
    archive INTEGER NOT NULL,
    line INTEGER NOT NULL,
    PRIMARY KEY (process_id, archive)
) STRICT, WITHOUT ROWID;

-- Processes that were put back, and until when retention leaves them.
CREATE TABLE restored (
    process_id BLOB NOT NULL PRIMARY KEY,
    until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX restored_until ON restored (until_ms);

DROP VIEW kept_processes;
CREATE VIEW kept_processes AS
    SELECT process_id, 'key' AS reason, expires_at_ms AS until_ms FROM idempotency_keys
    UNION ALL
    SELECT waited.parent, 'children', 9223372036854775807
    FROM dependencies AS waited
    -- Not a join, for which all that is blocked might be read.
    WHERE (SELECT parents_left FROM blocked AS child WHERE child.process_id = waited.child) IS NOT NULL
    UNION ALL
    SELECT process_id, 'restored', until_ms FROM restored;
