-- The last progress of a process. $1 process_id: uuid. Race: a newer one may come the next moment.
SELECT process_id, executor, payload, signature FROM apiary.progress WHERE process_id = $1
