-- Stores a revocation, and marks the grants that it names as revoked. Returns them, those revoked earlier included, or one row without a
-- grant; each row says whether the revocation is new.
-- $1 colony: bigint, $2 revocation_id: uuid, $3 grant_id: uuid, $4 grantee: bytea (one of the two is null), $5 now_ms: bigint,
-- $6 signature: bytea, $7 payload: bytea.
-- Race won: of two transactions with the same document, the second finds the grants revoked and changes nothing.
WITH kept AS (
    INSERT INTO apiary.revocations (colony, revocation_id, grant_id, grantee, added_at_ms, signature, payload)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (colony, revocation_id) DO NOTHING
    RETURNING colony
),
ended AS (
    UPDATE apiary.grants SET revoked_from_ms = $5
    WHERE colony = $1 AND (grant_id = $3 OR grantee = $4) AND revoked_from_ms IS NULL
)
SELECT named.key, named.grantee, state.is_new
FROM (SELECT EXISTS (SELECT 1 FROM kept)::integer AS is_new) AS state
LEFT JOIN apiary.grants AS named ON named.colony = $1 AND (named.grant_id = $3 OR named.grantee = $4)
ORDER BY named.key
