-- Recorded events by their id, in any account and mode, as JSON text. $1: the id.
select (to_jsonb(e) - 'payload')::text
from public.stripe_events as e
where e.id = $1
order by e.account, e.livemode
