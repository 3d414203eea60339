-- The time of the database's clock in Unix milliseconds: the only clock that several brokers share. No parameters, no race.
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms
