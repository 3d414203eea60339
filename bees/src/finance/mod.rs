//! The finance bee: applies Stripe's events to customers, subscriptions and payments in the state of record.
//!
//! An event is read into a [`Change`], named after the columns of the state of record; a [`Record`] applies many in one
//! call, each wholly or not at all. There are three back-ends: [`PostgrestRecord`] (Supabase's REST API),
//! [`PostgresRecord`] (a direct connection) and [`SqliteRecord`] (one file, for `apiary up`). A [`Writer`] brings events
//! there: those that come while a call is under way go with the next.
//!
//! # The same end state in every order
//!
//! Stripe delivers events more than once, in any order, and stamps them with whole seconds. The stored state therefore
//! depends only on the set of events that have arrived, never on the order of arrival:
//!
//! - A row is made of *registers*: groups of columns that one kind of event sets completely. Every object has its state,
//!   told by its own events. A customer also has its checkout; a subscription also has its customer, its checkout
//!   (`checkout.session.*`) and its newest invoice (`invoice.*`). No kind of event writes another's register, so the kinds
//!   cannot overwrite each other. Each item of a subscription is a register, too, because an event shows only the first of
//!   many: an item goes when a newer event shows all items, and not it. Columns that never change and that some API
//!   versions leave out (a payment's invoice) have no version: what is known stays.
//! - A register has a *version*, and an event overwrites it exactly if the event's version is greater. Versions are texts
//!   compared byte by byte. The greatest version wins in every order of arrival, and a repeated event changes nothing.
//! - The first event that names a row inserts it; rows are never deleted.
//!
//! The parts of a version, first to last:
//!
//! | register | version |
//! |---|---|
//! | an object's state | final? · `created` · revision |
//! | newest invoice | the invoice's own `created` · invoice id · final? · `created` · revision |
//! | checkout | `created` · kind · session id |
//! | subscription's customer | `created` · customer id |
//!
//! *Final* precedes time, because Stripe never revives a canceled or expired subscription, a paid invoice, a payment that
//! succeeded: no other event of it, however late its timestamp, brings it back.
//!
//! # Order inside one second
//!
//! An event whose finality and second are those of the stored state is not written at once. The record answers with a
//! [`Tie`]: the recorded events of that second, and those of the last second before. The writer decides on the whole set
//! in a pure function (`order`), whose result does not depend on the order of arrival, and calls again with the state of
//! the event that happened last and the next *revision* of the version. If another bee wrote in between, that revision is
//! taken, and the answer is a tie again: the version is the guard of a compare-and-swap. The events' log is the memory of
//! all this, so that a row needs none: an event is recorded in the transaction that writes it or supersedes it.
//!
//! Where the events do not decide, [`StripeReads`] reads the object at Stripe, and what it says counts as the state of that
//! second: later events are newer. Without a key the more probable state is stored, and `order_uncertain` says so.
//! `order_open` marks a decision that an older event, still to come, may change; such an event is a tie, too.
//!
//! # Statuses
//!
//! A status is stored in Stripe's spelling, without a list of allowed ones, so that an event with a new status is not
//! lost. Readers treat an unknown status as not active.
//!
//! # Users
//!
//! `user_id` is taken from the metadata (`user_id`, `userId`, `supabaseUUID` and other keys of common templates) of the
//! subscription or customer; else from those of the checkout session; else from its `client_reference_id`,
//! which comes last because, with a payment link, the payer can choose it.

mod answer;
mod bee;
mod change;
mod error;
mod examine;
pub(crate) mod http;
pub mod limits;
mod migrations;
mod order;
mod postgres;
mod postgrest;
mod reads;
pub mod reconcile;
mod record;
mod resolver;
pub mod rows;
mod settings;
pub mod shadow;
mod sqlite;
mod sqlstate;
mod stripe;
pub mod stripe_api;
mod version;
mod writer;

pub use bee::{Finance, Receipt};
pub use change::{
    Change, CustomerChange, EventRow, InvoiceState, Item, ObjectChange, SubscriptionChange, SubscriptionState,
};
pub use error::RecordError;
pub use migrations::{MIGRATIONS, Migration};
pub use postgres::PostgresRecord;
pub use postgrest::PostgrestRecord;
pub(crate) use postgrest::supabase_headers;
pub use reads::{ReadError, StripeReads};
pub use record::{Answer, Applied, Readiness, Record, Subscription, SubscriptionQuery, Tie};
pub use settings::{file, file_in, open};
pub use sqlite::SqliteRecord;
pub use stripe::EventError;
pub use writer::Writer;
