-- Inserts new processes that may run now, and that no poll takes at once, into `queue`.
-- ?1 items: JSON list, ?2 now_ms.
-- Race won: it runs inside the one write transaction.
INSERT INTO queue (
    process_id, colony, priority_time_us, since_ms, wait_deadline_ms, attempt, retries_spent, executor_type,
    executor_names, function, requires, concurrency_key, rate_key
)
SELECT
    unhex(value ->> 'process_id'), value ->> 'colony', value ->> 'priority_time_us', ?2,
    CASE WHEN value ->> 'max_wait_ms' > 0 THEN ?2 + (value ->> 'max_wait_ms') END, 0, 0, value ->> 'executor_type',
    value ->> 'executor_names', value ->> 'function', value ->> 'requires', value ->> 'concurrency_key',
    value ->> 'rate_key'
FROM jsonb_each(?1)
WHERE coalesce(value ->> 'not_before_ms', ?2) <= ?2 AND value ->> 'parents' IS NULL AND value ->> 'executor' IS NULL
