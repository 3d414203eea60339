-- Ends the waits for parents. Returns the children.
-- ?1 parent: JSON list of hexadecimal digits, ?2 at most.
-- Race won: it runs inside the one write transaction; `release_count.sql` counts the parents that are left.
DELETE FROM dependencies
WHERE (child, parent) IN (
    SELECT child, parent
    FROM dependencies
    WHERE parent IN (SELECT unhex(ended.value) FROM json_each(?1) AS ended)
    LIMIT ?2
)
RETURNING child AS process_id
