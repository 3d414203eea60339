//! The `apiary` program from the outside: its real processes, files, sockets and exit codes.

mod config;
mod daemons;
mod demo;
mod doctor;
mod grants;
mod guard;
mod help;
mod import;
mod keys;
mod leases;
mod local;
mod logs;
mod operations;
mod output;
mod page;
mod pauses;
mod proxy;
mod record;
mod running_apart;
mod scene;
mod shell_executor;
mod tampering;
mod tls;
mod up;
mod webhook_send;
mod writing_a_bee;
