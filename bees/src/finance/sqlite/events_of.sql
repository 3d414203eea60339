-- The events of an object that bear a second, and those of the last second before: at most 64 with 6 MiB, and rows without
-- a payload for the others. ?1: a change of the object. ?2: the second, in RFC 3339.
with of_object as (
  select created, payload, id
  from stripe_events
  where account = ?1 ->> '$.event.account' and livemode = ?1 ->> '$.event.livemode'
    and object_id = ?1 ->> '$.event.object_id' and object_type is ?1 ->> '$.event.object_type' and created <= ?2
), events as (
  select payload, row_number() over preference as number, sum(octet_length(payload)) over preference as bytes
  from of_object
  where created = ?2 or created = (select max(created) from of_object where created < ?2)
  window preference as (order by created desc, octet_length(payload), id rows unbounded preceding)
)
select iif(number <= 64 and bytes <= 6291456, payload, null)
from events
where number <= 65
