-- The table's columns; none if there is no such table.
SELECT attname::text
FROM pg_attribute
WHERE attrelid = to_regclass('colony_tasks') AND attnum > 0 AND NOT attisdropped
