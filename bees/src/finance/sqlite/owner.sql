-- Whose file this is: our mark, and how many tables; both 0 in one that was just made.
select
  (select application_id from pragma_application_id) as application_id,
  (select count(*) from sqlite_schema) as tables
