-- How much there is. Reads the whole file: for the start, and for what happens rarely.
SELECT
    (SELECT count(*) FROM waiting) AS waiting_events,
    (SELECT coalesce(sum(length(spec)), 0) FROM waiting) AS waiting_bytes,
    (SELECT count(*) FROM set_aside) AS set_aside_events,
    (SELECT coalesce(sum(length(spec)), 0) FROM set_aside) AS set_aside_bytes,
    (SELECT min(received_ms) FROM set_aside) AS set_aside_oldest_ms,
    (SELECT max(received_ms) FROM set_aside) AS set_aside_newest_ms
