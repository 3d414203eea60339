-- Removes leases whose attempt ended. ?1 process_id: JSON list of hexadecimal digits.
-- Race won: it runs inside the one write transaction.
DELETE FROM leases WHERE process_id IN (SELECT unhex(ended.value) FROM json_each(?1) AS ended)
