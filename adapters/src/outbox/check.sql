-- Reads the database's own id, and what this role may do with the outbox. Fails if table or right to read the id are missing.
SELECT
    id::text AS id,
    row_security_active('apiary.outbox'::regclass) AS hides_rows,
    has_table_privilege('apiary.outbox'::regclass, 'SELECT') AS may_read,
    has_column_privilege('apiary.outbox'::regclass, 'submitted_at', 'UPDATE')
        AND has_column_privilege('apiary.outbox'::regclass, 'process_id', 'UPDATE')
        AND has_column_privilege('apiary.outbox'::regclass, 'problem', 'UPDATE') AS may_mark
FROM apiary.outbox_database
LIMIT 1
