//! A direct connection to Postgres: the tables and the function of `deploy/supabase/migrations`.

mod access;
mod atomic;
mod concurrent;
mod errors;
mod migrations;
mod order;
mod supabase;
