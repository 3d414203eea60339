-- Classes of events: 0 changes by members, 1 refusals, 2 changes by the owners, 3 keys that ask for approval, 4 new addresses of keys.
-- Each has a bound of its own, so that whoever causes events of one class pushes out none of another.
ALTER TABLE apiary.events ADD COLUMN class smallint NOT NULL DEFAULT 0;
UPDATE apiary.events
SET class = CASE WHEN is_refusal THEN 1 ELSE 2 END
WHERE is_refusal OR kind LIKE 'colony.%' OR kind LIKE 'grant.%' OR kind LIKE 'guard.%';
ALTER TABLE apiary.events ALTER COLUMN class DROP DEFAULT;
DROP INDEX apiary.events_refusals;
ALTER TABLE apiary.events DROP COLUMN is_refusal;
-- For retention. Changes by members, which are most of the stream, need no entry.
CREATE INDEX events_classes ON apiary.events (colony, class, position) WHERE class <> 0;

-- The number of stored events of each class; `changes` are those of class 0.
ALTER TABLE apiary.event_heads ADD COLUMN owned bigint NOT NULL DEFAULT 0;
ALTER TABLE apiary.event_heads ADD COLUMN newcomers bigint NOT NULL DEFAULT 0;
ALTER TABLE apiary.event_heads ADD COLUMN addresses bigint NOT NULL DEFAULT 0;
UPDATE apiary.event_heads AS head
SET owned = counted.owned, changes = head.changes - counted.owned
FROM (SELECT colony, count(*) AS owned FROM apiary.events WHERE class = 2 GROUP BY colony) AS counted
WHERE counted.colony = head.colony;

-- Networks from which each key made calls: a new one is an event.
CREATE TABLE apiary.key_networks (
    colony bigint NOT NULL,
    seen_ms bigint NOT NULL,
    key bytea NOT NULL,
    network text NOT NULL,
    PRIMARY KEY (colony, key, network)
);
