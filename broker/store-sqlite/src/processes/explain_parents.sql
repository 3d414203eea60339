-- The parents that a process still waits for, and their states: null for one that was deleted. ?1 process_id: blob.
-- Race: they may end the next moment; one statement sees one moment.
SELECT waited.parent AS process_id, life.state
FROM dependencies AS waited
LEFT JOIN processes AS life ON life.process_id = waited.parent
WHERE waited.child = ?1
ORDER BY waited.parent
