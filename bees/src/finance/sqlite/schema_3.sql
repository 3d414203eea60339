-- Versions of items: an event shows the first page of a long list of items. The period of items with several lengths. The
-- paid period while collection is paused.

alter table stripe_subscription_items add column version text not null default '';
alter table stripe_subscriptions add column items_version text not null default '';
alter table stripe_subscriptions
  add column items_incomplete integer generated always as (items_version < state_version) virtual;
update stripe_subscriptions set items_version = state_version;
update stripe_subscription_items as i set version = s.state_version
from stripe_subscriptions as s
where s.account = i.account and s.livemode = i.livemode and s.id = i.subscription_id;
create index stripe_subscriptions_incomplete_idx on stripe_subscriptions (id) where items_version < state_version;

update stripe_subscriptions as s set current_period_start = p.start, current_period_end = p.until
from (
  select account, livemode, subscription_id,
    coalesce(max(current_period_start) filter (where not metered), max(current_period_start)) as start,
    coalesce(min(current_period_end) filter (where not metered), min(current_period_end)) as until
  from stripe_subscription_items group by account, livemode, subscription_id
) as p
where s.account = p.account and s.livemode = p.livemode and s.id = p.subscription_id
  and p.start is not null and p.until is not null;

drop view subscription_access;
create view subscription_access as
select
  s.account,
  s.livemode,
  s.id as subscription_id,
  s.customer_id,
  coalesce(s.user_id, c.user_id) as user_id,
  s.price_id as plan,
  s.product_id,
  s.quantity,
  s.status,
  coalesce(s.status in ('active', 'trialing') and s.pause_collection_behavior is not 'void', 0) as has_access,
  case
    when s.status = 'trialing' then s.trial_end
    when s.status = 'active' and s.pause_collection_behavior is not null
      and not ifnull(s.last_invoice_outcome = 'paid' and s.last_invoice_at >= s.current_period_start, 0)
      then s.current_period_start
    when s.status = 'active' then s.current_period_end
    when s.status in ('past_due', 'unpaid', 'paused') then s.current_period_start
    when s.status = 'canceled' then coalesce(s.ended_at, s.canceled_at)
  end as paid_until,
  s.status is 'paused' or s.pause_collection_behavior is not null as paused,
  s.pause_collection_resumes_at as resumes_at,
  case
    when s.status is null then 'no event of the subscription itself has come yet'
    when s.status in ('active', 'trialing') and s.pause_collection_behavior = 'void'
      then 'collection is paused, and invoices are voided'
    when s.status in ('active', 'trialing') and s.pause_collection_behavior is not null
      then 'collection is paused, and the service goes on'
    when s.status = 'trialing' then 'on trial'
    when s.status = 'active' and (s.cancel_at_period_end or s.cancel_at is not null) then 'paid, and will end'
    when s.status = 'active' then 'paid'
    when s.status = 'past_due' then 'the last payment failed'
    when s.status = 'unpaid' then 'payments failed, and are tried no longer'
    when s.status = 'paused' then 'paused'
    when s.status = 'incomplete' then 'the first payment is missing'
    when s.status = 'incomplete_expired' then 'the first payment never came'
    when s.status = 'canceled' then 'canceled'
    else 'the status is not known'
  end as why
from stripe_subscriptions as s
left join stripe_customers as c on c.account = s.account and c.livemode = s.livemode and c.id = s.customer_id;

pragma user_version = 3;
