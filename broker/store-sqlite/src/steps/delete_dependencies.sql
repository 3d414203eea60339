-- Deletes the waits of processes for their parents.
-- ?1 process_id: JSON list of hexadecimal digits.
-- Race won: it runs inside the one write transaction.
DELETE FROM dependencies WHERE child IN (SELECT unhex(gone.value) FROM json_each(?1) AS gone)
