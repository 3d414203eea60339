-- Counts the parents that blocked processes still wait for. A process without parents is free once its `until_ms` is over. Returns these
-- processes, and which of them are free.
-- ?1 process_id: JSON list of hexadecimal digits.
-- Race won: it runs inside the one write transaction.
UPDATE blocked
SET parents_left = nullif((SELECT count(*) FROM dependencies WHERE child = blocked.process_id), 0),
    cause = CASE
        WHEN EXISTS (SELECT 1 FROM dependencies WHERE child = blocked.process_id) THEN cause
        ELSE 'not_before'
    END
WHERE parents_left IS NOT NULL AND process_id IN (SELECT unhex(wanted.value) FROM json_each(?1) AS wanted)
RETURNING process_id, parents_left IS NULL AS is_free
