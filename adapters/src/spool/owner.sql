-- Whose events these are.
SELECT colony FROM owner
