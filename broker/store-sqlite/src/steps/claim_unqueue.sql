-- Deletes processes that are leased now from `queue`.
-- ?1 items: JSON list.
-- Race won: it runs inside the one write transaction.
DELETE FROM queue WHERE process_id IN (SELECT unhex(item.value ->> 'process_id') FROM jsonb_each(?1) AS item)
