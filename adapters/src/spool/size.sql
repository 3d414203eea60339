-- The bytes of an event in the line: ?1 its place.
SELECT length(spec) FROM waiting WHERE seq = ?1
