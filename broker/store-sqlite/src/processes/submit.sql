-- Stores signed specs.
-- ?1 items: JSON list, ?2 the items' documents: blob, cut by the items' places and lengths.
-- Race won: it runs inside the one write transaction, after `submit_known.sql` found the ids and keys free.
INSERT INTO specs (
    process_id, colony, submitter, priority_time_us, max_wait_ms, max_exec_ms, submitted_at_ms, priority, max_retries,
    function, executor_type, executor_names, labels, digest, signature, submit_by_ms, requires, concurrency_key, rate_key, payload
)
SELECT
    unhex(value ->> 'process_id'), value ->> 'colony', value ->> 'submitter', value ->> 'priority_time_us',
    value ->> 'max_wait_ms', value ->> 'max_exec_ms', value ->> 'submitted_at_ms', value ->> 'priority',
    value ->> 'max_retries', value ->> 'function', value ->> 'executor_type', value ->> 'executor_names',
    value ->> 'labels', unhex(value ->> 'digest'), substr(?2, value ->> 'at', value ->> 'signature_bytes'),
    value ->> 'submit_by_ms', value ->> 'requires', value ->> 'concurrency_key', value ->> 'rate_key',
    substr(?2, value ->> 'payload_at', value ->> 'payload_bytes')
FROM jsonb_each(?1)
