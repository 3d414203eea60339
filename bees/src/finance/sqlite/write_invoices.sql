-- The row of one of Stripe's invoices, unless newer is stored. ?1: the change.
insert into stripe_invoices
  (
   account, livemode, id, state_version, order_uncertain, order_open, status, outcome, customer_id,
   subscription_id, number, billing_reason, amount_due, amount_paid, amount_remaining, total, currency, due_date,
   created, metadata, metadata_user_id
  )
values (
  ?1 ->> '$.object.account', ?1 ->> '$.object.livemode', ?1 ->> '$.object.id', ?1 ->> '$.object.state_version',
  ?1 ->> '$.object.order_uncertain', ?1 ->> '$.object.order_open', ?1 ->> '$.object.status',
  ?1 ->> '$.object.outcome', ?1 ->> '$.object.customer_id', ?1 ->> '$.object.subscription_id',
  ?1 ->> '$.object.number', ?1 ->> '$.object.billing_reason', ?1 ->> '$.object.amount_due',
  ?1 ->> '$.object.amount_paid', ?1 ->> '$.object.amount_remaining', ?1 ->> '$.object.total',
  ?1 ->> '$.object.currency', ?1 ->> '$.object.due_date', ?1 ->> '$.object.created', ?1 -> '$.object.metadata',
  ?1 ->> '$.object.metadata_user_id'
)
on conflict (account, livemode, id) do update
set
    state_version = excluded.state_version, order_uncertain = excluded.order_uncertain,
    order_open = excluded.order_open, status = excluded.status, outcome = excluded.outcome,
    customer_id = excluded.customer_id, subscription_id = excluded.subscription_id, number = excluded.number,
    billing_reason = excluded.billing_reason, amount_due = excluded.amount_due, amount_paid = excluded.amount_paid,
    amount_remaining = excluded.amount_remaining, total = excluded.total, currency = excluded.currency,
    due_date = excluded.due_date, created = excluded.created, metadata = excluded.metadata,
    metadata_user_id = excluded.metadata_user_id, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ')
where state_version < excluded.state_version
