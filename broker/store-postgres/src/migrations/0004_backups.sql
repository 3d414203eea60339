-- The last backup that a broker's program made: a migration asks for a recent one.
CREATE TABLE apiary.backups (
    one smallint PRIMARY KEY CHECK (one = 1),
    -- The moment before it began, by the database's clock.
    began_at timestamptz NOT NULL
);
