-- Deletes processes from `finished`.
-- ?1 process_id: JSON list of hexadecimal digits.
-- Race won: it runs inside the one write transaction.
DELETE FROM finished WHERE process_id IN (SELECT unhex(gone.value) FROM json_each(?1) AS gone)
