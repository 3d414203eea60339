-- Classes of events: 0 changes by members, 1 refusals, 2 changes by the owners, 3 keys that ask for approval, 4 new addresses of keys.
-- Each has a bound of its own, so that whoever causes events of one class pushes out none of another.
ALTER TABLE events ADD COLUMN class INTEGER NOT NULL DEFAULT 0;
UPDATE events
SET class = CASE WHEN is_refusal = 1 THEN 1 ELSE 2 END
WHERE is_refusal = 1 OR kind LIKE 'colony.%' OR kind LIKE 'grant.%' OR kind LIKE 'guard.%';
DROP INDEX events_refusals;
ALTER TABLE events DROP COLUMN is_refusal;
-- For retention. Changes by members, which are most of the stream, need no entry.
CREATE INDEX events_classes ON events (colony, class, position) WHERE class <> 0;

-- The number of stored events of each class; `changes` are those of class 0.
ALTER TABLE event_heads ADD COLUMN owned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE event_heads ADD COLUMN newcomers INTEGER NOT NULL DEFAULT 0;
ALTER TABLE event_heads ADD COLUMN addresses INTEGER NOT NULL DEFAULT 0;
UPDATE event_heads SET owned = (SELECT count(*) FROM events WHERE events.colony = event_heads.colony AND class = 2);
UPDATE event_heads SET changes = changes - owned;

-- Networks from which each key made calls: a new one is an event.
CREATE TABLE key_networks (
    colony INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL,
    key BLOB NOT NULL,
    network TEXT NOT NULL,
    PRIMARY KEY (colony, key, network)
) STRICT, WITHOUT ROWID;
