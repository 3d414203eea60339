-- Locks all pauses of a colony. $1 colony: bigint.
-- Race won: of two resumes the second sees what the first did; otherwise each could leave a process to the pause that the other
-- ends. A sweep that lets waits stand still locks them in the same order.
SELECT kind FROM apiary.pauses WHERE colony = $1 ORDER BY colony, kind, name FOR UPDATE
