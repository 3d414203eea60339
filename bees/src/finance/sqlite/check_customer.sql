-- Whether the customer is stored as the event shows it, or newer. A write that matched nothing, for any other
-- reason than that newer is stored, is found here.
select count(*)
from stripe_customers
where account = ?1 ->> '$.customer.account' and livemode = ?1 ->> '$.customer.livemode' and id = ?1 ->> '$.customer.id'
  and checkout_version >= ?1 ->> '$.customer.checkout_version'
