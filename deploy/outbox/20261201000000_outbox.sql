-- The outbox of a database of yours: jobs that are committed with your own rows, or not at all. For Postgres 13 and later, and Supabase.
-- Can be run again without harm, needs no superuser. docs/outbox.md has the rest.

create schema if not exists apiary;

create table if not exists apiary.outbox (
    id bigint generated always as identity primary key,
    -- The job's identity at the broker. An id would not do: a database that was restored from a backup gives some a second time.
    uid uuid not null default gen_random_uuid(),
    function text not null,
    executor_type text,
    args jsonb not null default '{}',
    key text,
    priority integer not null default 0,
    created_at timestamptz not null default now(),
    -- The transaction that inserted the row: rows that were committed earlier are submitted earlier.
    transaction xid8 not null default pg_current_xact_id(),
    submitted_at timestamptz,
    process_id uuid,
    problem text,
    constraint outbox_function_has_1_to_128_characters check (length(function) between 1 and 128),
    constraint outbox_executor_type_has_1_to_128_characters check (length(executor_type) between 1 and 128),
    constraint outbox_args_have_up_to_1_mib check (octet_length(args::text) <= 1048576),
    constraint outbox_key_has_1_to_512_bytes check (octet_length(key) between 1 and 512),
    constraint outbox_priority_is_up_to_50000 check (priority between -50000 and 50000)
);

comment on table apiary.outbox is 'Jobs on their way to Apiary. A row without submitted_at and problem waits.';
comment on column apiary.outbox.problem is 'Why the row was refused for good. Set it to null to have it tried again.';

create index if not exists outbox_waiting on apiary.outbox (id) where submitted_at is null and problem is null;
create index if not exists outbox_refused on apiary.outbox (id) where submitted_at is null and problem is not null;
create index if not exists outbox_submitted on apiary.outbox (submitted_at) where submitted_at is not null;

-- The database's own id: the same key of a row in two databases means two jobs.
create table if not exists apiary.outbox_database (
    id uuid not null default gen_random_uuid(),
    only_row boolean primary key default true check (only_row)
);
insert into apiary.outbox_database default values on conflict do nothing;

-- Puts a job into the outbox, in the caller's transaction, and returns the row's id. Whoever may call it needs no right to the table.
create or replace function apiary.enqueue(
    function text,
    args jsonb default '{}',
    key text default null,
    executor_type text default null,
    priority integer default 0
) returns bigint
language sql
security definer
set search_path = ''
as $$
    insert into apiary.outbox (function, args, key, executor_type, priority)
    values (enqueue.function, coalesce(enqueue.args, 'null'), enqueue.key, enqueue.executor_type, enqueue.priority)
    returning id
$$;

-- Wakes the adapter when a transaction with new jobs has been committed.
create or replace function apiary.announce_outbox() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    perform pg_notify('apiary_outbox', '');
    return null;
end
$$;

drop trigger if exists outbox_announced on apiary.outbox;
create trigger outbox_announced after insert on apiary.outbox
    for each statement execute function apiary.announce_outbox();

-- Nobody but the owner has any right until it is granted.
revoke all on apiary.outbox, apiary.outbox_database from public;
revoke all on function apiary.enqueue(text, jsonb, text, text, integer) from public;
revoke all on function apiary.announce_outbox() from public;
