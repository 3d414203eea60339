-- Records which processes are in an object: those that are finished as it says. Returns one row: how many.
-- $1 colony: bigint, $2 archive: bigint, $3 process_id: uuid[], $4 finished_at_ms: bigint[].
-- Race won: one that was redriven meanwhile, or is of another colony, has no such row, and is not recorded: nothing deletes it as archived.
WITH added AS (
    INSERT INTO apiary.archived (process_id, finished_at_ms, archive, line)
    SELECT item.process_id, item.finished_at_ms, $2::integer, (item.place - 1)::integer
    FROM unnest($3::uuid[], $4::bigint[]) WITH ORDINALITY AS item (process_id, finished_at_ms, place)
    WHERE (
        SELECT 1 FROM apiary.finished
        WHERE finished.process_id = item.process_id AND finished.colony = $1 AND finished.finished_at_ms = item.finished_at_ms
    ) IS NOT NULL
    ON CONFLICT (process_id, archive) DO NOTHING
    RETURNING process_id
),
counted AS (SELECT count(*) AS recorded FROM added),
noted AS (UPDATE apiary.archives SET recorded = (SELECT recorded FROM counted) WHERE key = $2)
SELECT recorded FROM counted
