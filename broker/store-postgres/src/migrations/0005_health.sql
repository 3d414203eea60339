-- What is blocked because of its parents, those first that are for longest: a colony's health looks at their parents.
CREATE INDEX blocked_parents ON apiary.blocked (colony, since_ms) WHERE parents_left IS NOT NULL;
