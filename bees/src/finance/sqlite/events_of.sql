-- The events of an object that bear a second, and those of the last second before. ?1: a change of the object. ?2: the
-- second, in RFC 3339.
with events as (
  select created, payload
  from stripe_events
  where account = ?1 ->> '$.event.account' and livemode = ?1 ->> '$.event.livemode'
    and object_id = ?1 ->> '$.event.object_id' and object_type is ?1 ->> '$.event.object_type'
    and created <= ?2 and payload is not null
  order by created desc
  limit 64
)
select payload
from events
where created = ?2 or created = (select max(created) from events where created < ?2)
