-- Notes a backup. $1 the seconds since it began.
-- Race: of two backups the one that began later is noted.
INSERT INTO apiary.backups (one, began_at) VALUES (1, now() - make_interval(secs => $1))
ON CONFLICT (one) DO UPDATE SET began_at = greatest(apiary.backups.began_at, excluded.began_at)
