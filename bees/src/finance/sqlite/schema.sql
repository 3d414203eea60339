-- The tables of deploy/supabase/migrations, in SQLite's types: times are RFC 3339 in UTC, which sorts as
-- text, and metadata are JSON text. Columns are explained there. Text compares byte by byte by default.

pragma application_id = 1095779918;

create table stripe_customers (
  livemode integer not null,
  id text not null,
  state_version text not null default '',
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
  primary key (livemode, id)
) strict, without rowid;

create table stripe_subscriptions (
  livemode integer not null,
  id text not null,
  customer_version text not null default '',
  customer_id text,
  state_version text not null default '',
  status text,
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
  primary key (livemode, id),
  foreign key (livemode, customer_id) references stripe_customers (livemode, id)
) strict, without rowid;

create table stripe_events (
  livemode integer not null,
  id text not null,
  type text not null,
  created text not null,
  api_version text,
  customer_id text,
  subscription_id text,
  outcome text not null,
  reason text,
  payload text,
  received_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ')),
  primary key (livemode, id)
) strict;

create index stripe_customers_user_id_idx on stripe_customers (user_id);
create index stripe_subscriptions_user_id_idx on stripe_subscriptions (user_id);
create index stripe_subscriptions_customer_id_idx on stripe_subscriptions (livemode, customer_id);
create index stripe_events_received_at_idx on stripe_events (received_at);

pragma user_version = 1;
