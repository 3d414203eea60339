-- The row of one of Stripe's schedules, unless newer is stored. ?1: the change.
insert into stripe_schedules
  (
   account, livemode, id, state_version, order_uncertain, order_open, status, customer_id, subscription_id,
   end_behavior, current_phase_start, current_phase_end, next_price_id, next_quantity, next_at, phases, created,
   canceled_at, completed_at, released_at, metadata, metadata_user_id
  )
values (
  ?1 ->> '$.object.account', ?1 ->> '$.object.livemode', ?1 ->> '$.object.id', ?1 ->> '$.object.state_version',
  ?1 ->> '$.object.order_uncertain', ?1 ->> '$.object.order_open', ?1 ->> '$.object.status',
  ?1 ->> '$.object.customer_id', ?1 ->> '$.object.subscription_id', ?1 ->> '$.object.end_behavior',
  ?1 ->> '$.object.current_phase_start', ?1 ->> '$.object.current_phase_end', ?1 ->> '$.object.next_price_id',
  ?1 ->> '$.object.next_quantity', ?1 ->> '$.object.next_at', ?1 -> '$.object.phases', ?1 ->> '$.object.created',
  ?1 ->> '$.object.canceled_at', ?1 ->> '$.object.completed_at', ?1 ->> '$.object.released_at',
  ?1 -> '$.object.metadata', ?1 ->> '$.object.metadata_user_id'
)
on conflict (account, livemode, id) do update
set
    state_version = excluded.state_version, order_uncertain = excluded.order_uncertain,
    order_open = excluded.order_open, status = excluded.status, customer_id = excluded.customer_id,
    subscription_id = excluded.subscription_id, end_behavior = excluded.end_behavior,
    current_phase_start = excluded.current_phase_start, current_phase_end = excluded.current_phase_end,
    next_price_id = excluded.next_price_id, next_quantity = excluded.next_quantity, next_at = excluded.next_at,
    phases = excluded.phases, created = excluded.created, canceled_at = excluded.canceled_at,
    completed_at = excluded.completed_at, released_at = excluded.released_at, metadata = excluded.metadata,
    metadata_user_id = excluded.metadata_user_id, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ')
where state_version < excluded.state_version
