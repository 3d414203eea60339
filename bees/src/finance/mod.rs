//! The finance bee: applies Stripe's events to customers and subscriptions in the state of record.
//!
//! An event is read into a [`Change`], named after the columns of the state of record; a [`Record`] applies it, wholly
//! or not at all. There are three back-ends: [`PostgrestRecord`] (Supabase's REST API), [`PostgresRecord`] (a direct
//! connection) and [`SqliteRecord`] (one file, for `apiary up`).
//!
//! # The same end state in every order
//!
//! Stripe delivers events more than once, in any order, and stamps them with whole seconds. The stored state therefore
//! depends only on the set of events that have arrived, never on the order of arrival:
//!
//! - A row is made of *registers*: groups of columns that one kind of event sets completely. A customer has its state
//!   (`customer.*`) and its checkout; a subscription has its customer, its state (`customer.subscription.*`), its
//!   checkout (`checkout.session.*`) and its newest invoice (`invoice.*`). No kind of event writes another's register, so
//!   the kinds cannot overwrite each other.
//! - A register has a *version*, and an event overwrites it exactly if the event's version is greater. Versions are
//!   texts compared byte by byte; each ends with the event's id, so no two events have the same version. The greatest
//!   version wins in every order of arrival, and a repeated event changes nothing.
//! - The first event that names a row inserts it; rows are never deleted.
//!
//! The parts of a version, first to last:
//!
//! | register | version |
//! |---|---|
//! | subscription's state | ended? · `created` · kind · status · end of period · event id |
//! | customer's state | deleted? · `created` · kind · event id |
//! | checkout | `created` · kind · event id |
//! | newest invoice | the invoice's own `created` · invoice id · `created` · outcome · event id |
//! | subscription's customer | `created` · event id |
//!
//! *Ended* precedes time, because Stripe never revives a canceled or expired subscription: no other event of it,
//! however late its timestamp, brings it back. Within one second, *kind* puts `created` before `updated` (and all
//! others) before `deleted`. Among updates of one second, *status* follows the order of Stripe's transitions:
//! incomplete, trialing, paused, active, past_due, unpaid, any status unknown today, incomplete_expired, canceled. All
//! transitions go up in that order except a recovery (past_due or unpaid to active), which needs a payment that fails
//! and succeeds within one second. Then the later *end of period* wins, because periods are renewed forwards. A
//! remaining tie is decided by the event's id, which says nothing about time, but gives the same result everywhere.
//!
//! # Statuses
//!
//! A status is stored in Stripe's spelling, without a list of allowed ones, so that an event with a new status is not
//! lost. Readers treat an unknown status as not active.
//!
//! # Users
//!
//! `user_id` is taken from the metadata (`user_id`, `userId`, `supabase_user_id` or `supabaseUUID`) of the
//! subscription or customer; else from those of the checkout session; else from its `client_reference_id`,
//! which comes last because, with a payment link, the payer can choose it.

mod answer;
mod bee;
mod change;
mod error;
pub mod limits;
mod migrations;
mod postgres;
mod postgrest;
mod record;
mod settings;
mod sqlite;
mod sqlstate;
mod stripe;
mod version;

pub use bee::{Finance, Receipt};
pub use change::{Change, CustomerChange, EventRow, InvoiceState, SubscriptionChange, SubscriptionState};
pub use error::RecordError;
pub use migrations::{MIGRATIONS, Migration};
pub use postgres::PostgresRecord;
pub use postgrest::PostgrestRecord;
pub use record::{Applied, Record, Subscription, SubscriptionQuery};
pub use settings::{file, file_in, open};
pub use sqlite::SqliteRecord;
pub use stripe::EventError;
