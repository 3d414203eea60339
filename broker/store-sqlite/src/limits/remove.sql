-- Removes a limit. ?1 colony, ?2 kind, ?3 pattern.
DELETE FROM limits WHERE colony = ?1 AND kind = ?2 AND pattern = ?3
