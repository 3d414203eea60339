-- The position of a colony's last event.
-- $1 colony: bigint.
SELECT position FROM apiary.event_heads WHERE colony = $1
