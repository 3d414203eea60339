-- Begins a transaction that can change nothing, and in which every look sees the same state of the table.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY
