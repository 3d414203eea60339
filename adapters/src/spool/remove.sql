-- Takes an event out of the line: ?1 its place. Only the forwarder does, so that nobody else can have taken it.
DELETE FROM waiting WHERE seq = ?1
