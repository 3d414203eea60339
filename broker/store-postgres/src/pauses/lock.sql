-- Locks all pauses of a colony.
-- $1 colony: bigint.
-- Race won: of two resumes the second sees the changes of the first. Otherwise each could leave a process to the pause that the other
-- ends. The sweep that stops waits locks the pauses in the same order.
SELECT kind FROM apiary.pauses WHERE colony = $1 ORDER BY colony, kind, name FOR UPDATE
