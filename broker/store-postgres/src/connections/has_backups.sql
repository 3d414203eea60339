-- Looks whether backups are noted here at all: not before the migration that brings their table. No parameters, no race.
SELECT to_regclass('apiary.backups') IS NOT NULL AS present
