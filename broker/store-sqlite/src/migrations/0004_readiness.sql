-- The row that is written when somebody asks whether the broker is ready and nothing was committed lately.
CREATE TABLE readiness (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    proved_at_ms INTEGER NOT NULL
) STRICT;
