-- The last progress of a process. ?1 process_id: blob. Race: a newer one may come the next moment.
SELECT process_id, executor, payload, signature FROM progress WHERE process_id = ?1
