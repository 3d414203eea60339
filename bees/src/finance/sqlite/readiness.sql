-- Number of objects the order of whose last events is not certain, and of subscriptions with more items than their events showed.
select
  (select count(*) from stripe_customers where order_uncertain)
  + (select count(*) from stripe_subscriptions where order_uncertain)
  + (select count(*) from stripe_payments where order_uncertain)
  + (select count(*) from stripe_charges where order_uncertain)
  + (select count(*) from stripe_checkouts where order_uncertain)
  + (select count(*) from stripe_refunds where order_uncertain)
  + (select count(*) from stripe_disputes where order_uncertain)
  + (select count(*) from stripe_invoices where order_uncertain)
  + (select count(*) from stripe_schedules where order_uncertain) as uncertain,
  (select count(*) from stripe_subscriptions where items_version < state_version) as incomplete
