-- The number of brokers that listen on this database. No parameters.
-- No race: a broker that begins to listen greets the others.
SELECT count(*) AS listeners FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'apiary broker listener'
