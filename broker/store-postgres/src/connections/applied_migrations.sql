-- The migrations that were run here. No parameters, no race: rows are only ever added.
SELECT version, checksum FROM apiary.migrations WHERE success ORDER BY version
