-- The number of a colony's processes that match. Absent filters are null.
-- $1 colony, $2 states, $3 executor_type, $4 function, $5 labels, $6 submitter and $7 executor (names), $8 submitted from, $9 submitted
-- until; of the same types as in `list.sql`.
-- Race: states may change the next moment; it is for display only.
SELECT count(*) AS count
FROM apiary.processes
WHERE colony = $1
    -- Also by the colony of the state's row, so that the server can read the index of a rare state instead of that of all specs.
    AND ($2::text[] IS NULL OR (state = ANY ($2) AND life_colony = $1))
    AND ($3::text IS NULL OR executor_type = $3)
    AND ($4::text IS NULL OR function = $4)
    AND ($5::text IS NULL OR labels @> $5::jsonb)
    AND ($6::text IS NULL OR submitter IN (SELECT key FROM apiary.grants WHERE colony = $1 AND name = $6))
    AND ($7::text IS NULL OR executor_name = $7)
    AND ($8::bigint IS NULL OR submitted_at_ms >= $8)
    AND ($9::bigint IS NULL OR submitted_at_ms < $9)
