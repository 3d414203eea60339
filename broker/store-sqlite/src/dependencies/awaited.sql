-- The processes among these that others wait for: usually none, but it runs after every end of a process.
-- ?1 process_id: JSON list of hexadecimal digits.
-- Race: a submit of a child at this moment checks its parents again after its commit.
SELECT unhex(asked.value) AS process_id
FROM json_each(?1) AS asked
WHERE EXISTS (SELECT 1 FROM dependencies AS waited WHERE waited.parent = unhex(asked.value))
