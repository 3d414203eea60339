-- Counts rows by status. $1 colony: text, or null for all, $2 characters of a status that are told apart: int,
-- $3 at most: bigint. `colony` may be missing in the table: then the name means the NULL of `absent`, one scope further out.
SELECT counted.status, sum(counted.ours)::bigint AS ours, sum(counted.others)::bigint AS others
FROM (SELECT NULL::text AS colony) AS absent
CROSS JOIN LATERAL (
    SELECT
        coalesce(left(legacy_task.status::text, $2), '') AS status,
        ($1::text IS NULL OR colony::text IS NOT DISTINCT FROM $1)::int AS ours,
        ($1::text IS NOT NULL AND colony::text IS DISTINCT FROM $1)::int AS others
    FROM colony_tasks AS legacy_task
) AS counted
GROUP BY counted.status
LIMIT $3
