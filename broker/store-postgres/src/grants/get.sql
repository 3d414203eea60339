-- The signed bytes under a grant's id. $1 colony: bigint, $2 grant_id: uuid. No race: a grant never changes.
SELECT key, payload, signature FROM apiary.grants WHERE colony = $1 AND grant_id = $2
