-- Whether the event was taken before. ?1: the change.
select count(*)
from stripe_events
where account = ?1 ->> '$.event.account' and livemode = ?1 ->> '$.event.livemode' and id = ?1 ->> '$.event.id'
