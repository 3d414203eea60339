-- One page of subscriptions, by id and account, as JSON text.
-- ?1: livemode. ?2: an account, or null for all. ?3: a customer's id, or null for all. ?4: the id to begin after, or
-- null. ?5: at most so many.
select json_object(
  'account', account, 'livemode', json(iif(livemode, 'true', 'false')), 'id', id, 'customer_id', customer_id, 'user_id', user_id,
  'status', status, 'price_id', price_id, 'product_id', product_id, 'quantity', quantity, 'currency', currency,
  'current_period_start', current_period_start, 'current_period_end', current_period_end,
  'cancel_at_period_end', json(case cancel_at_period_end when 1 then 'true' when 0 then 'false' else 'null' end),
  'cancel_at', cancel_at, 'canceled_at', canceled_at, 'ended_at', ended_at, 'trial_start', trial_start,
  'trial_end', trial_end, 'pause_collection_behavior', pause_collection_behavior,
  'pause_collection_resumes_at', pause_collection_resumes_at,
  'order_uncertain', json(iif(order_uncertain, 'true', 'false')), 'metadata', json(metadata), 'checkout_session_id', checkout_session_id,
  'last_invoice_id', last_invoice_id, 'last_invoice_outcome', last_invoice_outcome,
  'last_invoice_amount_due', last_invoice_amount_due, 'last_invoice_amount_paid', last_invoice_amount_paid,
  'last_invoice_currency', last_invoice_currency, 'last_invoice_at', last_invoice_at
)
from stripe_subscriptions
where livemode = ?1
  and (?2 is null or account = ?2)
  and (?3 is null or customer_id = ?3)
  and (?4 is null or id > ?4)
order by id, account
limit ?5
