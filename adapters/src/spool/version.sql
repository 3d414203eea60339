-- A number that changes whenever somebody else commits to the file.
PRAGMA data_version
