-- Reads the whole file and says what is wrong with it, or `ok`.
PRAGMA quick_check(1)
