-- The row of one of Stripe's refunds, unless newer is stored. ?1: the change.
insert into stripe_refunds
  (
   account, livemode, id, state_version, order_uncertain, order_open, status, charge_id, payment_id, amount,
   currency, reason, failure_reason, created, metadata, metadata_user_id
  )
values (
  ?1 ->> '$.object.account', ?1 ->> '$.object.livemode', ?1 ->> '$.object.id', ?1 ->> '$.object.state_version',
  ?1 ->> '$.object.order_uncertain', ?1 ->> '$.object.order_open', ?1 ->> '$.object.status',
  ?1 ->> '$.object.charge_id', ?1 ->> '$.object.payment_id', ?1 ->> '$.object.amount', ?1 ->> '$.object.currency',
  ?1 ->> '$.object.reason', ?1 ->> '$.object.failure_reason', ?1 ->> '$.object.created', ?1 -> '$.object.metadata',
  ?1 ->> '$.object.metadata_user_id'
)
on conflict (account, livemode, id) do update
set
    state_version = excluded.state_version, order_uncertain = excluded.order_uncertain,
    order_open = excluded.order_open, status = excluded.status, charge_id = excluded.charge_id,
    payment_id = excluded.payment_id, amount = excluded.amount, currency = excluded.currency,
    reason = excluded.reason, failure_reason = excluded.failure_reason, created = excluded.created,
    metadata = excluded.metadata, metadata_user_id = excluded.metadata_user_id,
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ')
where state_version < excluded.state_version
