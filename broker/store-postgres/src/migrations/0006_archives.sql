-- The archives: which finished processes are in which object of a storage elsewhere.

-- The objects, in their order. The manifest is what the bee signed.
CREATE TABLE apiary.archives (
    key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    colony bigint NOT NULL,
    number bigint NOT NULL,
    added_at_ms bigint NOT NULL,
    recorded bigint NOT NULL,
    object text NOT NULL,
    digest bytea NOT NULL,
    signer bytea NOT NULL,
    signature bytea NOT NULL,
    payload bytea NOT NULL,
    UNIQUE (colony, number)
);

-- Where each archived process is, and the end with which it is there: 32 bytes, which stay when the process is deleted. One that was
-- redriven and finished again is in several objects.
CREATE TABLE apiary.archived (
    process_id uuid NOT NULL,
    finished_at_ms bigint NOT NULL,
    archive integer NOT NULL,
    line integer NOT NULL,
    PRIMARY KEY (process_id, archive)
);

-- Processes that were put back, and until when retention leaves them.
CREATE TABLE apiary.restored (
    process_id uuid PRIMARY KEY,
    until_ms bigint NOT NULL
);
CREATE INDEX restored_until ON apiary.restored (until_ms);

CREATE OR REPLACE VIEW apiary.kept_processes AS
    SELECT process_id, 'key' AS reason, expires_at_ms AS until_ms FROM apiary.idempotency_keys
    UNION ALL
    SELECT waited.parent, 'children', 9223372036854775807
    FROM apiary.dependencies AS waited
    -- Not a join, for which all that is blocked might be read.
    WHERE (SELECT parents_left FROM apiary.blocked AS child WHERE child.process_id = waited.child) IS NOT NULL
    UNION ALL
    SELECT process_id, 'restored', until_ms FROM apiary.restored;
