-- Reads the database's own id, and what this role may do with the outbox. Fails if table, a column or right to read the id are missing.
SELECT
    id::text AS id,
    row_security_active('apiary.outbox'::regclass) AS hides_rows,
    has_table_privilege('apiary.outbox'::regclass, 'SELECT') AS may_read,
    (
        SELECT bool_and(has_column_privilege('apiary.outbox'::regclass, name, 'UPDATE'))
        FROM unnest(ARRAY['submitted_at', 'process_id', 'problem', 'refused_at', 'retry_at']) AS name
    ) AS may_mark
FROM apiary.outbox_database
LIMIT 1
