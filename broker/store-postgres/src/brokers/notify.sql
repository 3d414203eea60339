-- Tells the other brokers something. $1 message: text. No race: a lost message is made good by a slow poll.
SELECT pg_notify('apiary', $1)
