-- Stores the waits of new processes for their parents.
-- ?1 items: JSON list, with `parents` as JSON lists of hexadecimal digits.
-- Race won: it runs inside the one write transaction.
INSERT INTO dependencies (child, parent)
SELECT unhex(item.value ->> 'process_id'), unhex(parent.value)
FROM json_each(?1) AS item, json_each(item.value ->> 'parents') AS parent
