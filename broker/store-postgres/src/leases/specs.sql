-- Signed specs. $1 process_id: uuid[]. No race: a spec never changes.
SELECT process_id, payload FROM apiary.specs WHERE process_id = ANY ($1)
