-- Takes the event. ?1: the change. ?2: the outcome. ?3: the event as received. Races: the transaction holds the write lock.
insert into stripe_events
  (account, livemode, id, type, created, api_version, object_type, object_id, customer_id, subscription_id, outcome,
   reason, payload)
values
  (?1 ->> '$.event.account', ?1 ->> '$.event.livemode', ?1 ->> '$.event.id', ?1 ->> '$.event.type',
   ?1 ->> '$.event.created', ?1 ->> '$.event.api_version', ?1 ->> '$.event.object_type', ?1 ->> '$.event.object_id',
   ?1 ->> '$.event.customer_id', ?1 ->> '$.event.subscription_id', ?2, ?1 ->> '$.event.reason', ?3)
