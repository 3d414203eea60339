-- The encoding of the database.
select current_setting('server_encoding')
