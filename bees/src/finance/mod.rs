//! The finance bee: Stripe's events become the state of subscriptions in the state of record.
//!
//! An event is read into a [`Change`], in the columns of the state of record; a [`Record`] takes it in, wholly
//! or not at all. There are three: [`PostgrestRecord`] (Supabase's REST API), [`PostgresRecord`] (a direct
//! connection) and [`SqliteRecord`] (one file, for `apiary up`).
//!
//! # The same end state, whatever the order
//!
//! Stripe delivers events more than once, in any order, and stamps them with whole seconds. So what is stored
//! does not depend on when an event arrives, but only on which events have arrived:
//!
//! - A row is made of *registers*: groups of columns that one kind of event tells completely. A customer has
//!   its state (`customer.*`) and its checkout; a subscription has its customer, its state
//!   (`customer.subscription.*`), its checkout (`checkout.session.*`) and its newest invoice (`invoice.*`). No
//!   kind of event writes another's register, so the kinds cannot overwrite each other.
//! - A register has a *version*, and an event overwrites it exactly if the event's version is greater. Versions
//!   are texts compared byte by byte; each ends with the event's id, so no two events have the same one. The
//!   greatest version wins in whatever order they come, and coming twice changes nothing.
//! - Rows are made by whichever event names them first, and never deleted.
//!
//! A version is made of, first to last:
//!
//! | register | version |
//! |---|---|
//! | subscription's state | ended? · `created` · kind · status · end of period · event id |
//! | customer's state | deleted? · `created` · kind · event id |
//! | checkout | `created` · kind · event id |
//! | newest invoice | the invoice's own `created` · invoice id · `created` · outcome · event id |
//! | subscription's customer | `created` · event id |
//!
//! *Ended* comes before time, because a canceled or expired subscription never lives again at Stripe: no other
//! event of it, however late its stamp, brings it back. In one second, *kind* puts `created` before `updated`
//! (and all others) before `deleted`. Among updates of one second, *status* goes by the order in which Stripe
//! moves: incomplete, trialing, paused, active, past_due, unpaid, any status unknown today,
//! incomplete_expired, canceled. All of Stripe's moves go up in it, but for a recovery (past_due or unpaid to
//! active), which takes a payment that hardly fails and succeeds within one second. Then the later *end of
//! period*, because periods are renewed forwards; and what is still equal is decided by the event's id, which
//! says nothing about time, but says the same everywhere.
//!
//! # Statuses
//!
//! A status is stored as Stripe writes it, without a list of allowed ones: an event about a payment is not
//! lost because Stripe has a new word. Readers treat a word that they do not know as not active.
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
mod sqlite;
mod sqlstate;
mod stripe;
mod version;

pub use bee::{EXECUTOR_TYPE, FUNCTION, Receipt, bee};
pub use change::{Change, CustomerChange, EventRow, InvoiceState, SubscriptionChange, SubscriptionState};
pub use error::RecordError;
pub use migrations::{MIGRATIONS, Migration};
pub use postgres::PostgresRecord;
pub use postgrest::PostgrestRecord;
pub use record::{Applied, Record, Subscription, SubscriptionQuery};
pub use sqlite::SqliteRecord;
pub use stripe::EventError;
