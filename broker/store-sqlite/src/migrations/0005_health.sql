-- What is blocked because of its parents, those first that are for longest: a colony's health looks at their parents.
CREATE INDEX blocked_parents ON blocked (colony, since_ms) WHERE parents_left IS NOT NULL;

-- Holds on a colony's history: nothing that finished at this time or later leaves by retention while the hold stands.
CREATE TABLE retention_holds (
    colony INTEGER NOT NULL,
    from_ms INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (colony, name)
) STRICT, WITHOUT ROWID;

-- Finished processes that must stay, whatever their age: why, and until when. A process of a live idempotency key, because a repeat is
-- answered with it; and one that others wait for. Whatever else refers to processes belongs here.
CREATE VIEW kept_processes AS
    SELECT process_id, 'key' AS reason, expires_at_ms AS until_ms FROM idempotency_keys
    UNION ALL
    SELECT waited.parent, 'children', 9223372036854775807
    FROM dependencies AS waited
    -- Not a join, for which all that is blocked might be read.
    WHERE (SELECT parents_left FROM blocked AS child WHERE child.process_id = waited.child) IS NOT NULL;
