-- Opens the cursor over the rows to be submitted, oldest first. $1 statuses: text[], $2 colony: text, or null for all,
-- $3 the most bytes of a row that are sent: int. A row is sent as JSON text, whatever columns it has. `created_at` and
-- `colony` may be missing in the table: then the names mean the NULLs of `absent`, one scope further out.
DECLARE legacy_rows NO SCROLL CURSOR FOR
SELECT
    found.id,
    octet_length(found.fields) AS bytes,
    CASE WHEN octet_length(found.fields) <= $3 THEN found.fields END AS fields
FROM (SELECT NULL::text AS created_at, NULL::text AS colony) AS absent
CROSS JOIN LATERAL (
    SELECT
        left(legacy_task.id::text, 300) AS id,
        row_to_json(legacy_task.*)::text AS fields,
        created_at AS since,
        legacy_task.id AS own_id
    FROM colony_tasks AS legacy_task
    WHERE legacy_task.status::text = ANY ($1)
        AND ($2::text IS NULL OR colony::text = $2)
) AS found
ORDER BY found.since NULLS LAST, found.own_id
