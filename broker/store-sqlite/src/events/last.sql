-- The position of a colony's last event.
-- ?1 colony.
SELECT position FROM event_heads WHERE colony = ?1
