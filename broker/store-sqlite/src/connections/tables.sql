-- The number of tables in the file, and 1 if one of them lists this broker's migrations. No parameters, no race.
SELECT count(*) AS tables, count(*) FILTER (WHERE name = 'migrations') AS migrations
FROM sqlite_schema
WHERE type = 'table'
