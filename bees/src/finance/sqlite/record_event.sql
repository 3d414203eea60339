-- Takes the event: no row changed means that it was taken before. Races: the transaction holds the write lock.
insert into stripe_events
  (livemode, id, type, created, api_version, customer_id, subscription_id, outcome, reason, payload)
values
  (?1 ->> '$.event.livemode', ?1 ->> '$.event.id', ?1 ->> '$.event.type', ?1 ->> '$.event.created',
   ?1 ->> '$.event.api_version', ?1 ->> '$.event.customer_id', ?1 ->> '$.event.subscription_id', 'ignored',
   ?1 ->> '$.event.reason', ?1 ->> '$.event.payload')
on conflict (livemode, id) do nothing
