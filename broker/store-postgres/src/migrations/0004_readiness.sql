-- The row that is written when somebody asks whether a broker is ready and it committed nothing lately.
CREATE TABLE apiary.readiness (
    one integer PRIMARY KEY CHECK (one = 1),
    proved_at_ms bigint NOT NULL
);
