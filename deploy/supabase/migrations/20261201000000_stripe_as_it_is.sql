-- Stripe as it is: connected accounts, all items, pauses, invoices, payments, charges, checkouts, refunds, disputes and
-- schedules. Rows of before keep everything; they are of one's own account, ''.
--
-- Plain SQL for a Supabase project or any Postgres from 13 on; needs no superuser and can be run again.
--
-- Amounts are whole numbers in the currency's smallest unit, as Stripe has them: 1999 is 19.99 EUR, but 1999 JPY and
-- 1.999 KWD. `stripe_amount(amount, currency)` writes them for people; never divide them into a float.
--
-- `state_version` begins with 1 for a final state and 0 for any other; then the second of the events, and the number of
-- decisions on the order of this second's events. `order_uncertain` is true where that order could not be known, and
-- `order_open` where an older event that is still to come could tell more.

alter table public.stripe_customers
  add column if not exists account text collate "C" not null default '',
  add column if not exists order_uncertain boolean not null default false,
  add column if not exists order_open boolean not null default false;
alter table public.stripe_subscriptions
  add column if not exists account text collate "C" not null default '',
  add column if not exists order_uncertain boolean not null default false,
  add column if not exists order_open boolean not null default false,
  add column if not exists customer_account text,
  -- void, keep_as_draft or mark_uncollectible while invoices are not collected; the status stays what it is.
  add column if not exists pause_collection_behavior text,
  add column if not exists pause_collection_resumes_at timestamptz;
alter table public.stripe_events
  add column if not exists account text collate "C" not null default '',
  -- The object that the event is about, such as `subscription`, and its id.
  add column if not exists object_type text,
  add column if not exists object_id text collate "C";

-- Once: keys with the account, and versions without ids of events.
do $$
declare
  found record;
begin
  if exists (
    select from pg_catalog.pg_constraint
    where conrelid = 'public.stripe_events'::regclass and contype = 'p' and cardinality(conkey) = 3
  ) then
    return;
  end if;
  -- References of tables of yours to these keys are not dropped: they are an error here, and must name the account.
  for found in
    select conrelid::regclass as table_name, conname
    from pg_catalog.pg_constraint
    where contype = 'f' and conrelid = 'public.stripe_subscriptions'::regclass
      and confrelid = 'public.stripe_customers'::regclass
  loop
    execute format('alter table %s drop constraint %I', found.table_name, found.conname);
  end loop;
  for found in
    select conrelid::regclass as table_name, conname
    from pg_catalog.pg_constraint
    where contype = 'p' and conrelid in (
      'public.stripe_customers'::regclass, 'public.stripe_subscriptions'::regclass, 'public.stripe_events'::regclass
    )
  loop
    execute format('alter table %s drop constraint %I', found.table_name, found.conname);
    execute format('alter table %s add primary key (account, livemode, id)', found.table_name);
  end loop;
  alter table public.stripe_subscriptions
    add foreign key (account, livemode, customer_id) references public.stripe_customers (account, livemode, id);

  update public.stripe_customers
  set state_version = case when state_version = '' then '' else left(state_version, 14) || '.001' end,
      checkout_version = left(checkout_version, 14);
  update public.stripe_subscriptions
  set customer_version =
        case when customer_version = '' then '' else left(customer_version, 12) || '-' || customer_id end,
      state_version = case when state_version = '' then '' else left(state_version, 14) || '.001' end,
      checkout_version =
        case when checkout_version = '' then '' else left(checkout_version, 14) || '-' || checkout_session_id end,
      invoice_version = case
        when invoice_version = '' then ''
        else left(invoice_version, 12) || '-' || last_invoice_id
          || case when last_invoice_outcome in ('paid', 'voided') then '-1-' else '-0-' end
          || lpad(extract(epoch from last_invoice_at)::bigint::text, 12, '0') || '.001'
      end;
  update public.stripe_events
  set object_type = case when type like 'customer.subscription.%' then 'subscription' else 'customer' end,
      object_id = case when type like 'customer.subscription.%' then subscription_id else customer_id end
  where type like 'customer.subscription.%' or type in ('customer.created', 'customer.updated', 'customer.deleted');
end
$$;

-- Items of subscriptions. The plan is the first that is not metered; its price is also in stripe_subscriptions.
create table if not exists public.stripe_subscription_items (
  account text collate "C" not null default '',
  livemode boolean not null,
  subscription_id text collate "C" not null,
  id text collate "C" not null,
  position bigint not null,
  price_id text,
  product_id text,
  -- Null for a metered item, of which usage is billed.
  quantity bigint,
  metered boolean not null,
  currency text,
  unit_amount bigint,
  "interval" text,
  interval_count bigint,
  current_period_start timestamptz,
  current_period_end timestamptz,
  primary key (account, livemode, subscription_id, id),
  foreign key (account, livemode, subscription_id) references public.stripe_subscriptions (account, livemode, id)
    on delete cascade
);

-- Once: versions of items. An event shows the first page of a long list of items. `items_version` is that of the newest
-- event that showed all; `items_incomplete` is true where a newer one did not.
do $$
begin
  if exists (
    select from pg_catalog.pg_attribute
    where attrelid = 'public.stripe_subscriptions'::regclass and attname = 'items_version' and not attisdropped
  ) then
    return;
  end if;
  alter table public.stripe_subscription_items add column version text collate "C" not null default '';
  alter table public.stripe_subscriptions add column items_version text collate "C" not null default '';
  update public.stripe_subscriptions set items_version = state_version;
  update public.stripe_subscription_items as i set version = s.state_version
  from public.stripe_subscriptions as s
  where s.account = i.account and s.livemode = i.livemode and s.id = i.subscription_id;
  alter table public.stripe_subscriptions
    add column items_incomplete boolean generated always as (items_version < state_version) stored;
  -- The period of items with several lengths: what they have in common, metered ones aside.
  update public.stripe_subscriptions as s set current_period_start = p.start, current_period_end = p.until
  from (
    select account, livemode, subscription_id,
      coalesce(max(current_period_start) filter (where not metered), max(current_period_start)) as start,
      coalesce(min(current_period_end) filter (where not metered), min(current_period_end)) as until
    from public.stripe_subscription_items group by account, livemode, subscription_id
  ) as p
  where s.account = p.account and s.livemode = p.livemode and s.id = p.subscription_id
    and p.start is not null and p.until is not null;
end
$$;
create index if not exists stripe_subscriptions_incomplete_idx
  on public.stripe_subscriptions (id) where items_incomplete;

-- Payment intents: one-off payments, and those of invoices.
create table if not exists public.stripe_payments (
  account text collate "C" not null default '',
  livemode boolean not null,
  id text collate "C" not null,
  state_version text collate "C" not null,
  order_uncertain boolean not null default false,
  order_open boolean not null default false,
  status text,
  customer_id text collate "C",
  customer_account text,
  invoice_id text collate "C",
  latest_charge_id text collate "C",
  amount bigint,
  amount_received bigint,
  currency text,
  description text,
  last_error_code text,
  created timestamptz,
  canceled_at timestamptz,
  metadata jsonb not null default '{}',
  metadata_user_id text,
  updated_at timestamptz not null default now(),
  primary key (account, livemode, id)
);

-- Charges: the attempts to collect a payment, and how much of each was given back.
create table if not exists public.stripe_charges (
  account text collate "C" not null default '',
  livemode boolean not null,
  id text collate "C" not null,
  state_version text collate "C" not null,
  order_uncertain boolean not null default false,
  order_open boolean not null default false,
  status text,
  customer_id text collate "C",
  payment_id text collate "C",
  invoice_id text collate "C",
  amount bigint,
  amount_captured bigint,
  amount_refunded bigint,
  currency text,
  paid boolean,
  refunded boolean,
  disputed boolean,
  failure_code text,
  created timestamptz,
  metadata jsonb not null default '{}',
  metadata_user_id text,
  updated_at timestamptz not null default now(),
  primary key (account, livemode, id)
);

-- Checkout sessions, of one-off payments and of subscriptions.
create table if not exists public.stripe_checkouts (
  account text collate "C" not null default '',
  livemode boolean not null,
  id text collate "C" not null,
  state_version text collate "C" not null,
  order_uncertain boolean not null default false,
  order_open boolean not null default false,
  status text,
  payment_status text,
  mode text,
  customer_id text collate "C",
  subscription_id text collate "C",
  payment_id text collate "C",
  invoice_id text collate "C",
  amount_total bigint,
  currency text,
  email text,
  created timestamptz,
  client_reference_id text,
  metadata jsonb not null default '{}',
  metadata_user_id text,
  user_id text generated always as (coalesce(metadata_user_id, client_reference_id)) stored,
  updated_at timestamptz not null default now(),
  primary key (account, livemode, id)
);

-- Refunds.
create table if not exists public.stripe_refunds (
  account text collate "C" not null default '',
  livemode boolean not null,
  id text collate "C" not null,
  state_version text collate "C" not null,
  order_uncertain boolean not null default false,
  order_open boolean not null default false,
  status text,
  charge_id text collate "C",
  payment_id text collate "C",
  amount bigint,
  currency text,
  reason text,
  failure_reason text,
  created timestamptz,
  metadata jsonb not null default '{}',
  metadata_user_id text,
  updated_at timestamptz not null default now(),
  primary key (account, livemode, id)
);

-- Disputes.
create table if not exists public.stripe_disputes (
  account text collate "C" not null default '',
  livemode boolean not null,
  id text collate "C" not null,
  state_version text collate "C" not null,
  order_uncertain boolean not null default false,
  order_open boolean not null default false,
  status text,
  charge_id text collate "C",
  payment_id text collate "C",
  amount bigint,
  currency text,
  reason text,
  is_charge_refundable boolean,
  evidence_due_by timestamptz,
  created timestamptz,
  metadata jsonb not null default '{}',
  metadata_user_id text,
  updated_at timestamptz not null default now(),
  primary key (account, livemode, id)
);

-- Invoices. `outcome` is what last happened: drafted, finalized, action_required, failed, uncollectible, paid,
-- voided or deleted.
create table if not exists public.stripe_invoices (
  account text collate "C" not null default '',
  livemode boolean not null,
  id text collate "C" not null,
  state_version text collate "C" not null,
  order_uncertain boolean not null default false,
  order_open boolean not null default false,
  status text,
  outcome text,
  customer_id text collate "C",
  subscription_id text collate "C",
  number text,
  billing_reason text,
  amount_due bigint,
  amount_paid bigint,
  amount_remaining bigint,
  total bigint,
  currency text,
  due_date timestamptz,
  created timestamptz,
  metadata jsonb not null default '{}',
  metadata_user_id text,
  updated_at timestamptz not null default now(),
  primary key (account, livemode, id)
);

-- Subscription schedules. `next_…` is the phase that follows the current one: a change that is to come.
create table if not exists public.stripe_schedules (
  account text collate "C" not null default '',
  livemode boolean not null,
  id text collate "C" not null,
  state_version text collate "C" not null,
  order_uncertain boolean not null default false,
  order_open boolean not null default false,
  status text,
  customer_id text collate "C",
  subscription_id text collate "C",
  end_behavior text,
  current_phase_start timestamptz,
  current_phase_end timestamptz,
  next_price_id text,
  next_quantity bigint,
  next_at timestamptz,
  phases jsonb,
  created timestamptz,
  canceled_at timestamptz,
  completed_at timestamptz,
  released_at timestamptz,
  metadata jsonb not null default '{}',
  metadata_user_id text,
  updated_at timestamptz not null default now(),
  primary key (account, livemode, id)
);
-- Finds the events of an object, for their order.
create index if not exists stripe_events_object_id_idx
  on public.stripe_events (account, livemode, object_id, created);
create index if not exists stripe_invoices_subscription_id_idx
  on public.stripe_invoices (account, livemode, subscription_id);
create index if not exists stripe_refunds_payment_id_idx on public.stripe_refunds (account, livemode, payment_id);
create index if not exists stripe_disputes_payment_id_idx on public.stripe_disputes (account, livemode, payment_id);
create index if not exists stripe_charges_payment_id_idx on public.stripe_charges (account, livemode, payment_id);
create index if not exists stripe_schedules_subscription_id_idx
  on public.stripe_schedules (account, livemode, subscription_id);

-- As for the tables of before: nobody but the service role and the owner sees a row. Done once, table by table: a
-- second run must not take back what you have granted since.
do $$
declare
  api_role text;
  name text;
  names constant text[] := array[
    'stripe_subscription_items', 'stripe_payments', 'stripe_charges', 'stripe_checkouts', 'stripe_refunds',
    'stripe_disputes', 'stripe_invoices', 'stripe_schedules'
  ];
begin
  foreach name in array array_cat(names, array['stripe_customers', 'stripe_subscriptions']) loop
    if name <> 'stripe_subscription_items' then
      execute format(
        'create index if not exists %I on public.%I (id) where order_uncertain', name || '_uncertain_idx', name
      );
    end if;
  end loop;
  foreach name in array names loop
    execute format('alter table public.%I enable row level security', name);
    if pg_catalog.obj_description(format('public.%I', name)::regclass, 'pg_class') is not null then
      continue;
    end if;
    foreach api_role in array array['anon', 'authenticated', 'service_role'] loop
      if exists (select from pg_catalog.pg_roles where rolname = api_role) then
        execute format('revoke all on public.%I from %I', name, api_role);
      end if;
    end loop;
    if exists (select from pg_catalog.pg_roles where rolname = 'service_role') then
      execute format('grant select, insert, update on public.%I to service_role', name);
    end if;
    execute format('comment on table public.%I is %L', name, 'Kept by the finance bee.');
  end loop;
  -- Items that a subscription no longer has are deleted.
  if exists (select from pg_catalog.pg_roles where rolname = 'service_role') then
    grant delete on public.stripe_subscription_items to service_role;
  end if;
end
$$;

-- Writes an amount for people: '19.99 EUR', '1999 JPY', '1.999 KWD'. Currencies without a smaller unit, and those of a
-- thousand, are Stripe's: https://docs.stripe.com/currencies#zero-decimal
create or replace function public.stripe_amount(amount bigint, currency text)
returns text
language sql
immutable
set search_path = ''
as $$
  select case
    when lower(currency) in (
      'bif', 'clp', 'djf', 'gnf', 'jpy', 'kmf', 'krw', 'mga', 'pyg', 'rwf', 'vnd', 'vuv', 'xaf', 'xof', 'xpf'
    ) then amount::text
    when lower(currency) in ('bhd', 'jod', 'kwd', 'omr', 'tnd') then (amount::numeric / 1000)::numeric(30, 3)::text
    else (amount::numeric / 100)::numeric(30, 2)::text
  end || coalesce(' ' || upper(currency), '')
$$;
