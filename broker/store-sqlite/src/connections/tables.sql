-- What lies in the file: how many tables, and whether one of them lists this broker's migrations. No parameters, no race.
SELECT count(*) AS tables, count(*) FILTER (WHERE name = 'migrations') AS migrations
FROM sqlite_schema
WHERE type = 'table'
