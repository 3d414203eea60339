-- The next page of the cursor: as many rows as `PAGE_ROWS` in `limits.rs`.
FETCH FORWARD 64 FROM legacy_rows
