-- Whether any migration was ever run here. No parameters, no race.
SELECT to_regclass('apiary.migrations') IS NOT NULL AS present
