-- A process that is there already, of whatever colony. $1 process_id: uuid.
-- Race: it may be deleted the next moment; who is refused asks again.
SELECT process_id FROM apiary.specs WHERE process_id = $1
