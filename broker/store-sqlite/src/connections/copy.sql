-- Copies the database as it is at one moment. ?1 an empty file. No race: it is one read transaction.
VACUUM INTO ?1
