-- Stores the last-seen times and offers of executors.
-- ?1 items: JSON list.
-- Race won: there is one writer.
INSERT INTO executors AS known (colony, key, executor_type, name, last_heard_ms, offer)
SELECT item.value ->> 'colony', unhex(item.value ->> 'key'), item.value ->> 'executor_type', item.value ->> 'name',
       item.value ->> 'last_heard_ms', item.value ->> 'offer'
FROM jsonb_each(?1) AS item
WHERE true
ON CONFLICT (colony, key, executor_type) DO UPDATE
SET last_heard_ms = max(coalesce(known.last_heard_ms, 0), excluded.last_heard_ms),
    offer = coalesce(excluded.offer, known.offer), name = excluded.name
