-- The stored version of the customer's state. ?1: the change.
select state_version, order_open
from stripe_customers
where account = ?1 ->> '$.customer.account' and livemode = ?1 ->> '$.customer.livemode' and id = ?1 ->> '$.customer.id'
