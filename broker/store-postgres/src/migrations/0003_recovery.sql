-- Failures that are tried again by their submitters, and waits for what is out of order around the work.

-- The process that a spec put back in the queue, so that the same spec does so once; null for the spec of a deleted process.
ALTER TABLE apiary.deleted ADD COLUMN redrove uuid;

-- What is out of order around the work, where an attempt was given back because of it; and since when it and those right before it
-- were.
ALTER TABLE apiary.attempts ADD COLUMN waits_on text;
ALTER TABLE apiary.attempts ADD COLUMN waits_since_ms bigint;
CREATE INDEX blocked_surroundings ON apiary.blocked (colony) WHERE cause = 'surroundings';
