-- The properties of a server that are checked before it is used. No parameters, no race.
SELECT current_setting('server_version_num') AS version, current_setting('server_encoding') AS encoding
