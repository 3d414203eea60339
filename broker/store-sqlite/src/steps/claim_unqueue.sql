-- Deletes processes that are leased now from `queue`; returns since when each waited.
-- ?1 items: JSON list.
-- Race won: it runs inside the one write transaction.
DELETE FROM queue WHERE process_id IN (SELECT unhex(item.value ->> 'process_id') FROM jsonb_each(?1) AS item)
RETURNING process_id, since_ms AS waiting_since_ms
