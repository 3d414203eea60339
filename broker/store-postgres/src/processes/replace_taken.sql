-- An existing process of any colony.
-- $1 process_id: uuid.
-- Race: it may be deleted the next moment; a refused caller can ask again.
SELECT process_id FROM apiary.specs WHERE process_id = $1
