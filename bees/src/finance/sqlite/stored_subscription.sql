-- The stored version of the subscription's state. ?1: the change.
select state_version, order_open
from stripe_subscriptions
where account = ?1 ->> '$.subscription.account' and livemode = ?1 ->> '$.subscription.livemode' and id = ?1 ->> '$.subscription.id'
