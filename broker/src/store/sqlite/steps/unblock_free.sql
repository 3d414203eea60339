-- Takes processes that are queued now out of `blocked`. ?1 process_id: JSON list of hexadecimal digits.
-- Race won: it runs inside the one write transaction.
DELETE FROM blocked WHERE process_id IN (SELECT unhex(freed.value) FROM json_each(?1) AS freed)
