-- The number of processes in each state, as the sum of `counts` and `count_changes`: `all` counts every process. Processes that wait or
-- run have no number of their own: `leases` is small, and the rest waits. Triggers add one row for each statement and state, and never
-- update one that others wait for; `sweeps/fold_counts.sql` moves them to `counts`.
CREATE TABLE apiary.counts (
    colony bigint NOT NULL,
    number bigint NOT NULL,
    state text NOT NULL,
    PRIMARY KEY (colony, state)
);
CREATE TABLE apiary.count_changes (
    colony bigint NOT NULL,
    change bigint NOT NULL,
    state text NOT NULL
) WITH (vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- Counts all processes.
CREATE FUNCTION apiary.count_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO apiary.count_changes (colony, change, state)
    SELECT colony, CASE TG_OP WHEN 'INSERT' THEN count(*) ELSE - count(*) END, 'all' FROM moved GROUP BY colony;
    RETURN NULL;
END $$;
-- Counts blocked processes, one by one: a trigger for each statement would cost every submit, which inserts none as a rule.
CREATE FUNCTION apiary.count_blocked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO apiary.count_changes (colony, change, state)
    VALUES (coalesce(NEW.colony, OLD.colony), CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END, 'blocked');
    RETURN NULL;
END $$;
-- Counts rows that have states.
CREATE FUNCTION apiary.count_states() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO apiary.count_changes (colony, change, state)
    SELECT colony, CASE TG_OP WHEN 'INSERT' THEN count(*) ELSE - count(*) END, state FROM moved GROUP BY colony, state;
    RETURN NULL;
END $$;
-- Counts rows whose states may have changed.
CREATE FUNCTION apiary.count_changed_states() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO apiary.count_changes (colony, change, state)
    SELECT colony, sum(change), state
    FROM (SELECT colony, state, 1 AS change FROM after UNION ALL SELECT colony, state, -1 FROM before) AS moved
    GROUP BY colony, state
    HAVING sum(change) <> 0;
    RETURN NULL;
END $$;
CREATE TRIGGER count_inserted AFTER INSERT ON apiary.specs REFERENCING NEW TABLE AS moved
    FOR EACH STATEMENT EXECUTE FUNCTION apiary.count_all();
CREATE TRIGGER count_deleted AFTER DELETE ON apiary.specs REFERENCING OLD TABLE AS moved
    FOR EACH STATEMENT EXECUTE FUNCTION apiary.count_all();
CREATE TRIGGER count_moved AFTER INSERT OR DELETE ON apiary.blocked FOR EACH ROW EXECUTE FUNCTION apiary.count_blocked();
CREATE TRIGGER count_inserted AFTER INSERT ON apiary.finished REFERENCING NEW TABLE AS moved
    FOR EACH STATEMENT EXECUTE FUNCTION apiary.count_states();
CREATE TRIGGER count_deleted AFTER DELETE ON apiary.finished REFERENCING OLD TABLE AS moved
    FOR EACH STATEMENT EXECUTE FUNCTION apiary.count_states();
CREATE TRIGGER count_updated AFTER UPDATE ON apiary.finished REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION apiary.count_changed_states();
