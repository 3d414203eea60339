-- The database's clock, Unix milliseconds: the one clock that several brokers share. No parameters, no race.
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms
