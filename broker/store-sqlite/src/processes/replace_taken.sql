-- A process that is there already, of whatever colony. ?1 process_id: blob.
-- Race: it may be deleted the next moment; who is refused asks again.
SELECT process_id FROM specs WHERE process_id = ?1
