-- The values attached to a process, by kind and key.
-- $1 process_id: uuid.
-- Race: more may be attached the next moment.
SELECT process_id, kind, key, value, attempt FROM apiary.attributes WHERE process_id = $1 ORDER BY kind, key
