-- The stored version of the change's object, of whichever table. ?1: the change.
select state_version, order_open
from stripe_payments
where ?1 ->> '$.object.table' = 'payments' and account = ?1 ->> '$.object.account'
  and livemode = ?1 ->> '$.object.livemode' and id = ?1 ->> '$.object.id'
union all
select state_version, order_open
from stripe_charges
where ?1 ->> '$.object.table' = 'charges' and account = ?1 ->> '$.object.account'
  and livemode = ?1 ->> '$.object.livemode' and id = ?1 ->> '$.object.id'
union all
select state_version, order_open
from stripe_checkouts
where ?1 ->> '$.object.table' = 'checkouts' and account = ?1 ->> '$.object.account'
  and livemode = ?1 ->> '$.object.livemode' and id = ?1 ->> '$.object.id'
union all
select state_version, order_open
from stripe_refunds
where ?1 ->> '$.object.table' = 'refunds' and account = ?1 ->> '$.object.account'
  and livemode = ?1 ->> '$.object.livemode' and id = ?1 ->> '$.object.id'
union all
select state_version, order_open
from stripe_disputes
where ?1 ->> '$.object.table' = 'disputes' and account = ?1 ->> '$.object.account'
  and livemode = ?1 ->> '$.object.livemode' and id = ?1 ->> '$.object.id'
union all
select state_version, order_open
from stripe_invoices
where ?1 ->> '$.object.table' = 'invoices' and account = ?1 ->> '$.object.account'
  and livemode = ?1 ->> '$.object.livemode' and id = ?1 ->> '$.object.id'
union all
select state_version, order_open
from stripe_schedules
where ?1 ->> '$.object.table' = 'schedules' and account = ?1 ->> '$.object.account'
  and livemode = ?1 ->> '$.object.livemode' and id = ?1 ->> '$.object.id'
