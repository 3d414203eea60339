-- Those of these processes that somebody waits for: usually none, and asked after every end.
-- ?1 process_id: JSON list of hexadecimal digits. Race: whoever begins to wait in this moment looks again after its commit.
SELECT unhex(asked.value) AS process_id
FROM json_each(?1) AS asked
WHERE EXISTS (SELECT 1 FROM dependencies AS waited WHERE waited.parent = unhex(asked.value))
