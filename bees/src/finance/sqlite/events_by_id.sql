-- Recorded events by their id, in any account and mode. ?1: the id.
select account, livemode, id, type, created, object_type, object_id, outcome, reason, received_at
from stripe_events
where id = ?1
order by account, livemode
