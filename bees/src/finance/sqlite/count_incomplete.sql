-- Number of subscriptions with more items than their events showed.
select count(*) from stripe_subscriptions where items_version < state_version
