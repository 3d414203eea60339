-- Those of these processes that somebody waits for: usually none, and asked after every end, so it is asked apart from all that
-- takes longer to plan than to run. $1 process_id: uuid[]. The sub-select is that of `processes/summaries.sql`.
-- Race: whoever begins to wait in this moment looks again after its commit.
SELECT asked.process_id
FROM unnest(ARRAY (SELECT unnest($1::uuid[]))) AS asked (process_id)
CROSS JOIN LATERAL (
    -- One row is enough: there may be a hundred thousand.
    SELECT FROM apiary.dependencies AS waited WHERE waited.parent = asked.process_id LIMIT 1
) AS awaited
