-- The first end of a process of one state, in each colony that has one within a range of time.
-- ?1 state, ?2 finished by, in milliseconds, ?3 colonies of which an earlier part is not read: JSON list of pairs of colony and time.
-- Race: none that matters; `delete_past.sql` decides.
SELECT colony, first_ms
FROM (
    SELECT colony.key AS colony, (
        SELECT ended.finished_at_ms FROM finished AS ended
        WHERE ended.colony = colony.key AND ended.state = ?1 AND ended.finished_at_ms <= ?2
            AND ended.finished_at_ms > coalesce(front.value ->> 1, -1)
        ORDER BY ended.finished_at_ms
        LIMIT 1
    ) AS first_ms
    FROM colonies AS colony
    LEFT JOIN json_each(?3) AS front ON front.value ->> 0 = colony.key
)
WHERE first_ms IS NOT NULL
ORDER BY first_ms
