-- Whether the schema is there already: making it needs a right on the whole database that a broker need not have.
-- No parameters. Race: two first starts both find none; `CREATE SCHEMA IF NOT EXISTS` under the migrator's lock settles it.
SELECT to_regnamespace('apiary') IS NOT NULL AS present
