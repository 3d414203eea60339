-- What is blocked because of its parents, those first that are for longest: a colony's health looks at their parents.
CREATE INDEX blocked_parents ON blocked (colony, since_ms) WHERE parents_left IS NOT NULL;

-- Holds on a colony's history: nothing that finished at this time or later leaves by retention while the hold stands.
CREATE TABLE retention_holds (
    colony INTEGER NOT NULL,
    from_ms INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (colony, name)
) STRICT, WITHOUT ROWID;

-- Finished processes that must stay, whatever their age: why, and until when. A process of a live idempotency key, because a repeat is
-- answered with it; and one that others wait for. Whatever else refers to processes belongs here.
CREATE VIEW kept_processes AS
    SELECT process_id, 'key' AS reason, expires_at_ms AS until_ms FROM idempotency_keys
    UNION ALL
    SELECT waited.parent, 'children', 9223372036854775807
    FROM dependencies AS waited
    -- Not a join, for which all that is blocked might be read.
    WHERE (SELECT parents_left FROM blocked AS child WHERE child.process_id = waited.child) IS NOT NULL;

-- The number of processes in each state: `all` counts every process. Processes that wait or run have no number of their own: `leases` is
-- small, and the rest waits. The rows are made with the colony, because a trigger that finds its row costs a third of one that may insert it.
CREATE TABLE counts (
    colony INTEGER NOT NULL,
    state TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (colony, state)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER colonies_counted AFTER INSERT ON colonies BEGIN
    INSERT INTO counts (colony, state, number)
    SELECT NEW.key, value, 0 FROM json_each('["all", "blocked", "succeeded", "failed", "cancelled", "dead_letter"]');
END;
INSERT INTO counts (colony, state, number)
SELECT colonies.key, value, 0
FROM colonies
CROSS JOIN json_each('["all", "blocked", "succeeded", "failed", "cancelled", "dead_letter"]');
UPDATE counts SET number = CASE state
    WHEN 'all' THEN (SELECT count(*) FROM specs WHERE specs.colony = counts.colony)
    WHEN 'blocked' THEN (SELECT count(*) FROM blocked WHERE blocked.colony = counts.colony)
    ELSE (SELECT count(*) FROM finished WHERE finished.colony = counts.colony AND finished.state = counts.state)
END;
CREATE TRIGGER specs_counted AFTER INSERT ON specs BEGIN
    UPDATE counts SET number = number + 1 WHERE colony = NEW.colony AND state = 'all';
END;
CREATE TRIGGER specs_discounted AFTER DELETE ON specs BEGIN
    UPDATE counts SET number = number - 1 WHERE colony = OLD.colony AND state = 'all';
END;
CREATE TRIGGER blocked_counted AFTER INSERT ON blocked BEGIN
    UPDATE counts SET number = number + 1 WHERE colony = NEW.colony AND state = 'blocked';
END;
CREATE TRIGGER blocked_discounted AFTER DELETE ON blocked BEGIN
    UPDATE counts SET number = number - 1 WHERE colony = OLD.colony AND state = 'blocked';
END;
CREATE TRIGGER finished_counted AFTER INSERT ON finished BEGIN
    UPDATE counts SET number = number + 1 WHERE colony = NEW.colony AND state = NEW.state;
END;
CREATE TRIGGER finished_discounted AFTER DELETE ON finished BEGIN
    UPDATE counts SET number = number - 1 WHERE colony = OLD.colony AND state = OLD.state;
END;
CREATE TRIGGER finished_recounted AFTER UPDATE OF state ON finished WHEN NEW.state <> OLD.state BEGIN
    UPDATE counts SET number = number - 1 WHERE colony = OLD.colony AND state = OLD.state;
    INSERT INTO counts (colony, state, number) VALUES (NEW.colony, NEW.state, 1)
    ON CONFLICT (colony, state) DO UPDATE SET number = number + 1;
END;
