-- The signed bytes under a revocation's id. $1 colony: bigint, $2 revocation_id: uuid. No race: a revocation never changes.
SELECT 0::bigint AS key, payload, signature FROM apiary.revocations WHERE colony = $1 AND revocation_id = $2
