-- Version 2: connected accounts, all items, pauses, invoices, payments, charges, checkouts, refunds, disputes and
-- schedules. Rows of before keep everything; they are of one's own account, ''. Columns and versions are explained in
-- deploy/supabase/migrations.

alter table stripe_subscriptions rename to old_subscriptions;
alter table stripe_customers rename to old_customers;
alter table stripe_events rename to old_events;

create table stripe_customers (
  account text not null default '',
  livemode integer not null,
  id text not null,
  state_version text not null default '',
  order_uncertain integer not null default 0,
  order_open integer not null default 0,
  email text,
  name text,
  metadata text not null default '{}',
  metadata_user_id text,
  deleted integer not null default 0,
  checkout_version text not null default '',
  checkout_email text,
  checkout_name text,
  checkout_user_id text,
  user_id text generated always as (coalesce(metadata_user_id, checkout_user_id)) stored,
  updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ')),
  primary key (account, livemode, id)
) strict, without rowid;

create table stripe_subscriptions (
  account text not null default '',
  livemode integer not null,
  id text not null,
  customer_version text not null default '',
  customer_id text,
  state_version text not null default '',
  order_uncertain integer not null default 0,
  order_open integer not null default 0,
  status text,
  customer_account text,
  price_id text,
  product_id text,
  quantity integer,
  currency text,
  current_period_start text,
  current_period_end text,
  cancel_at_period_end integer,
  cancel_at text,
  canceled_at text,
  ended_at text,
  trial_start text,
  trial_end text,
  pause_collection_behavior text,
  pause_collection_resumes_at text,
  metadata text not null default '{}',
  metadata_user_id text,
  checkout_version text not null default '',
  checkout_session_id text,
  checkout_user_id text,
  invoice_version text not null default '',
  last_invoice_id text,
  last_invoice_outcome text,
  last_invoice_amount_due integer,
  last_invoice_amount_paid integer,
  last_invoice_currency text,
  last_invoice_at text,
  user_id text generated always as (coalesce(metadata_user_id, checkout_user_id)) stored,
  updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ')),
  primary key (account, livemode, id),
  foreign key (account, livemode, customer_id) references stripe_customers (account, livemode, id)
) strict, without rowid;

create table stripe_events (
  account text not null default '',
  livemode integer not null,
  id text not null,
  type text not null,
  created text not null,
  api_version text,
  object_type text,
  object_id text,
  customer_id text,
  subscription_id text,
  outcome text not null,
  reason text,
  payload text,
  received_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ')),
  primary key (account, livemode, id)
) strict;

create table stripe_subscription_items (
  account text not null default '',
  livemode integer not null,
  subscription_id text not null,
  id text not null,
  position integer not null,
  price_id text,
  product_id text,
  quantity integer,
  metered integer not null,
  currency text,
  unit_amount integer,
  interval text,
  interval_count integer,
  current_period_start text,
  current_period_end text,
  primary key (account, livemode, subscription_id, id),
  foreign key (account, livemode, subscription_id) references stripe_subscriptions (account, livemode, id)
    on delete cascade
) strict, without rowid;

create table stripe_payments (
  account text not null default '',
  livemode integer not null,
  id text not null,
  state_version text not null,
  order_uncertain integer not null default 0,
  order_open integer not null default 0,
  status text,
  customer_id text,
  customer_account text,
  invoice_id text,
  latest_charge_id text,
  amount integer,
  amount_received integer,
  currency text,
  description text,
  last_error_code text,
  created text,
  canceled_at text,
  metadata text not null default '{}',
  metadata_user_id text,
  updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ')),
  primary key (account, livemode, id)
) strict, without rowid;

create table stripe_charges (
  account text not null default '',
  livemode integer not null,
  id text not null,
  state_version text not null,
  order_uncertain integer not null default 0,
  order_open integer not null default 0,
  status text,
  customer_id text,
  payment_id text,
  invoice_id text,
  amount integer,
  amount_captured integer,
  amount_refunded integer,
  currency text,
  paid integer,
  refunded integer,
  disputed integer,
  failure_code text,
  created text,
  metadata text not null default '{}',
  metadata_user_id text,
  updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ')),
  primary key (account, livemode, id)
) strict, without rowid;

create table stripe_checkouts (
  account text not null default '',
  livemode integer not null,
  id text not null,
  state_version text not null,
  order_uncertain integer not null default 0,
  order_open integer not null default 0,
  status text,
  payment_status text,
  mode text,
  customer_id text,
  subscription_id text,
  payment_id text,
  invoice_id text,
  amount_total integer,
  currency text,
  email text,
  created text,
  client_reference_id text,
  metadata text not null default '{}',
  metadata_user_id text,
  user_id text generated always as (coalesce(metadata_user_id, client_reference_id)) stored,
  updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ')),
  primary key (account, livemode, id)
) strict, without rowid;

create table stripe_refunds (
  account text not null default '',
  livemode integer not null,
  id text not null,
  state_version text not null,
  order_uncertain integer not null default 0,
  order_open integer not null default 0,
  status text,
  charge_id text,
  payment_id text,
  amount integer,
  currency text,
  reason text,
  failure_reason text,
  created text,
  metadata text not null default '{}',
  metadata_user_id text,
  updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ')),
  primary key (account, livemode, id)
) strict, without rowid;

create table stripe_disputes (
  account text not null default '',
  livemode integer not null,
  id text not null,
  state_version text not null,
  order_uncertain integer not null default 0,
  order_open integer not null default 0,
  status text,
  charge_id text,
  payment_id text,
  amount integer,
  currency text,
  reason text,
  is_charge_refundable integer,
  evidence_due_by text,
  created text,
  metadata text not null default '{}',
  metadata_user_id text,
  updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ')),
  primary key (account, livemode, id)
) strict, without rowid;

create table stripe_invoices (
  account text not null default '',
  livemode integer not null,
  id text not null,
  state_version text not null,
  order_uncertain integer not null default 0,
  order_open integer not null default 0,
  status text,
  outcome text,
  customer_id text,
  subscription_id text,
  number text,
  billing_reason text,
  amount_due integer,
  amount_paid integer,
  amount_remaining integer,
  total integer,
  currency text,
  due_date text,
  created text,
  metadata text not null default '{}',
  metadata_user_id text,
  updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ')),
  primary key (account, livemode, id)
) strict, without rowid;

create table stripe_schedules (
  account text not null default '',
  livemode integer not null,
  id text not null,
  state_version text not null,
  order_uncertain integer not null default 0,
  order_open integer not null default 0,
  status text,
  customer_id text,
  subscription_id text,
  end_behavior text,
  current_phase_start text,
  current_phase_end text,
  next_price_id text,
  next_quantity integer,
  next_at text,
  phases text,
  created text,
  canceled_at text,
  completed_at text,
  released_at text,
  metadata text not null default '{}',
  metadata_user_id text,
  updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ')),
  primary key (account, livemode, id)
) strict, without rowid;

insert into stripe_customers
  (livemode, id, state_version, email, name, metadata, metadata_user_id, deleted, checkout_version, checkout_email,
   checkout_name, checkout_user_id, updated_at)
select
  livemode, id, iif(state_version = '', '', substr(state_version, 1, 14) || '.001'), email, name, metadata,
  metadata_user_id, deleted, substr(checkout_version, 1, 14), checkout_email, checkout_name, checkout_user_id, updated_at
from old_customers;

insert into stripe_subscriptions
  (livemode, id, customer_version, customer_id, state_version, status, price_id, product_id, quantity, currency,
   current_period_start, current_period_end, cancel_at_period_end, cancel_at, canceled_at, ended_at, trial_start,
   trial_end, metadata, metadata_user_id, checkout_version, checkout_session_id, checkout_user_id, invoice_version,
   last_invoice_id, last_invoice_outcome, last_invoice_amount_due, last_invoice_amount_paid, last_invoice_currency,
   last_invoice_at, updated_at)
select
  livemode, id, iif(customer_version = '', '', substr(customer_version, 1, 12) || '-' || customer_id), customer_id,
  iif(state_version = '', '', substr(state_version, 1, 14) || '.001'), status, price_id, product_id, quantity, currency,
  current_period_start, current_period_end, cancel_at_period_end, cancel_at, canceled_at, ended_at, trial_start,
  trial_end, metadata, metadata_user_id,
  iif(checkout_version = '', '', substr(checkout_version, 1, 14) || '-' || checkout_session_id), checkout_session_id,
  checkout_user_id,
  iif(
    invoice_version = '', '',
    substr(invoice_version, 1, 12) || '-' || last_invoice_id
      || iif(last_invoice_outcome in ('paid', 'voided'), '-1-', '-0-')
      || printf('%012d', unixepoch(last_invoice_at)) || '.001'
  ),
  last_invoice_id, last_invoice_outcome, last_invoice_amount_due, last_invoice_amount_paid, last_invoice_currency,
  last_invoice_at, updated_at
from old_subscriptions;

insert into stripe_events
  (livemode, id, type, created, api_version, object_type, object_id, customer_id, subscription_id, outcome, reason,
   payload, received_at)
select
  livemode, id, type, created, api_version,
  case
    when type glob 'customer.subscription.*' then 'subscription'
    when type in ('customer.created', 'customer.updated', 'customer.deleted') then 'customer'
  end,
  case
    when type glob 'customer.subscription.*' then subscription_id
    when type in ('customer.created', 'customer.updated', 'customer.deleted') then customer_id
  end,
  customer_id, subscription_id, outcome, reason, payload, received_at
from old_events;

drop table old_subscriptions;
drop table old_customers;
drop table old_events;

create index stripe_customers_user_id_idx on stripe_customers (user_id);
create index stripe_subscriptions_user_id_idx on stripe_subscriptions (user_id);
create index stripe_subscriptions_customer_id_idx on stripe_subscriptions (account, livemode, customer_id);
create index stripe_events_received_at_idx on stripe_events (received_at);
create index stripe_events_object_id_idx on stripe_events (account, livemode, object_id, created);
create index stripe_invoices_subscription_id_idx on stripe_invoices (account, livemode, subscription_id);
create index stripe_refunds_payment_id_idx on stripe_refunds (account, livemode, payment_id);
create index stripe_disputes_payment_id_idx on stripe_disputes (account, livemode, payment_id);
create index stripe_charges_payment_id_idx on stripe_charges (account, livemode, payment_id);
create index stripe_schedules_subscription_id_idx on stripe_schedules (account, livemode, subscription_id);

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

pragma user_version = 2;
