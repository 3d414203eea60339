-- Says whose events these are: ?1 the colony.
INSERT INTO owner (colony) VALUES (?1)
