-- Looks whether a backup of the last 24 hours is noted. No parameters. Race: a backup may be noted meanwhile; then the next try finds it.
SELECT EXISTS (SELECT 1 FROM apiary.backups WHERE began_at BETWEEN now() - interval '24 hours' AND now()) AS present
