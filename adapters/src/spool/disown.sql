-- Forgets whose events these were; there are none left.
DELETE FROM owner
