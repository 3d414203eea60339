-- The revocations of grants and of keys. ?1 colony, ?2 grant_id, ?3 grantee: JSON lists of hexadecimal digits.
-- No race: it changes nothing.
SELECT payload, signature
FROM revocations
WHERE colony = ?1
    AND (
        grant_id IN (SELECT unhex(named.value) FROM json_each(?2) AS named)
        OR grantee IN (SELECT unhex(named.value) FROM json_each(?3) AS named)
    )
ORDER BY added_at_ms, revocation_id
