-- What Stripe says, as rows: customers, subscriptions, and every event that was taken in.
--
-- Plain SQL for a Supabase project or any Postgres from 13 on; needs no superuser and can be run again.
-- Names start with `stripe_`, because many projects have `subscriptions` or `customers` of their own.
--
-- Columns come in groups ("registers"), each with a version: a text that sorts as the events do. A group
-- is overwritten as a whole by an event with a greater version and by no other, so that the end is the
-- same whatever the order in which events arrive. `collate "C"` compares bytes, on every machine alike.

create table if not exists public.stripe_customers (
  livemode boolean not null,
  id text collate "C" not null,

  -- The customer as Stripe's customer.* events show it.
  state_version text collate "C" not null default '',
  email text,
  name text,
  metadata jsonb not null default '{}',
  metadata_user_id text,
  deleted boolean not null default false,

  -- What the customer entered at the last subscription checkout.
  checkout_version text collate "C" not null default '',
  checkout_email text,
  checkout_name text,
  checkout_user_id text,

  -- Whose it is: what your server wrote into the metadata, before what came along with a checkout.
  user_id text generated always as (coalesce(metadata_user_id, checkout_user_id)) stored,
  updated_at timestamptz not null default now(),
  primary key (livemode, id)
);

create table if not exists public.stripe_subscriptions (
  livemode boolean not null,
  id text collate "C" not null,

  customer_version text collate "C" not null default '',
  customer_id text collate "C",

  -- The subscription as Stripe's customer.subscription.* events show it. Null while only a checkout or an
  -- invoice has named it. `status` is kept as Stripe wrote it, without a check: a status that is new next
  -- year must not make an event fail. Treat one that you do not know as not active.
  state_version text collate "C" not null default '',
  status text,
  price_id text,
  product_id text,
  quantity bigint,
  currency text,
  current_period_start timestamptz,
  current_period_end timestamptz,
  cancel_at_period_end boolean,
  cancel_at timestamptz,
  canceled_at timestamptz,
  ended_at timestamptz,
  trial_start timestamptz,
  trial_end timestamptz,
  metadata jsonb not null default '{}',
  metadata_user_id text,

  -- The checkout that it came from.
  checkout_version text collate "C" not null default '',
  checkout_session_id text,
  checkout_user_id text,

  -- Its newest invoice, and what last happened to it: finalized, action_required, failed, paid, voided or
  -- uncollectible. Amounts are in the currency's smallest unit.
  invoice_version text collate "C" not null default '',
  last_invoice_id text,
  last_invoice_outcome text,
  last_invoice_amount_due bigint,
  last_invoice_amount_paid bigint,
  last_invoice_currency text,
  last_invoice_at timestamptz,

  user_id text generated always as (coalesce(metadata_user_id, checkout_user_id)) stored,
  updated_at timestamptz not null default now(),
  primary key (livemode, id),
  foreign key (livemode, customer_id) references public.stripe_customers (livemode, id)
);

create table if not exists public.stripe_events (
  livemode boolean not null,
  id text collate "C" not null,
  type text not null,
  created timestamptz not null,
  api_version text,
  customer_id text collate "C",
  subscription_id text collate "C",
  -- applied, superseded (all of it was older than what is stored) or ignored (says nothing of subscriptions).
  outcome text not null,
  -- Why an event was ignored.
  reason text,
  -- The event byte for byte. Text, because jsonb prints it anew and refuses \u0000.
  payload text,
  received_at timestamptz not null default now(),
  primary key (livemode, id)
);

create index if not exists stripe_customers_user_id_idx on public.stripe_customers (user_id);
create index if not exists stripe_subscriptions_user_id_idx on public.stripe_subscriptions (user_id);
create index if not exists stripe_subscriptions_customer_id_idx on public.stripe_subscriptions (livemode, customer_id);
create index if not exists stripe_events_received_at_idx on public.stripe_events (received_at);

-- No policy: whoever is under row level security sees nothing. Add policies for your own users where wanted.
alter table public.stripe_customers enable row level security;
alter table public.stripe_subscriptions enable row level security;
alter table public.stripe_events enable row level security;

-- Supabase's default privileges give every new table to its three API roles; only one of them may stay.
-- A plain Postgres has none of these roles: there the tables' owner is the one who writes.
--
-- Done once, which the comments below show: a second run must not take back what you have granted since.
do $$
declare
  api_role text;
begin
  if pg_catalog.obj_description('public.stripe_events'::regclass, 'pg_class') is not null then
    return;
  end if;
  foreach api_role in array array['anon', 'authenticated', 'service_role'] loop
    if exists (select from pg_catalog.pg_roles where rolname = api_role) then
      execute format(
        'revoke all on public.stripe_customers, public.stripe_subscriptions, public.stripe_events from %I',
        api_role
      );
    end if;
  end loop;
  if exists (select from pg_catalog.pg_roles where rolname = 'service_role') then
    grant select, insert, update on public.stripe_customers, public.stripe_subscriptions to service_role;
    grant select, insert, update, delete on public.stripe_events to service_role;
  end if;
end
$$;

comment on table public.stripe_customers is 'Stripe customers, kept by the finance bee.';
comment on table public.stripe_subscriptions is 'Stripe subscriptions, kept by the finance bee.';
comment on table public.stripe_events is 'Stripe events that the finance bee has taken in.';
