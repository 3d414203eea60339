-- What kind of file this is, and of which version; both 0, and no tables, in one that was just made.
SELECT
    (SELECT application_id FROM pragma_application_id) AS application_id,
    (SELECT user_version FROM pragma_user_version) AS user_version,
    (SELECT count(*) FROM sqlite_schema) AS tables
