-- True if the schema exists. Creating it needs a right on the whole database that a broker need not have. No parameters.
-- Race: two brokers that start for the first time may both find none; `CREATE SCHEMA IF NOT EXISTS` under the migrator's lock is safe
-- for both.
SELECT to_regnamespace('apiary') IS NOT NULL AS present
