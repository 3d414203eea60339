-- Signed specs. ?1 process_id: JSON list of hexadecimal digits. No race: a spec never changes.
SELECT process_id, payload
FROM specs
WHERE process_id IN (SELECT unhex(wanted.value) FROM json_each(?1) AS wanted)
