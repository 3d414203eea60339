-- The signed bytes under a revocation's id. ?1 colony, ?2 revocation_id: blob. No race: a revocation never changes.
SELECT 0 AS key, payload, signature FROM revocations WHERE colony = ?1 AND revocation_id = ?2
