-- The signed bytes under a grant's id. ?1 colony, ?2 grant_id: blob. No race: a grant never changes.
SELECT key, payload, signature FROM grants WHERE colony = ?1 AND grant_id = ?2
