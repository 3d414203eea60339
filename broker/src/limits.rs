//! Every bound of the broker, named. The bounds inside a signed document are in `apiary_identity::limits`.

use std::time::Duration;

use apiary_identity::limits::DOCUMENT_BYTES_MAX;

pub use apiary_protocol::limits::{
    ATTRIBUTE_KEY_CHARS_MAX, ATTRIBUTE_VALUE_BYTES_MAX, ATTRIBUTES_CALL_MAX, BATCH_DOCUMENTS_MAX, CLAIM_COUNT_MAX,
    LEASE_MS_DEFAULT, LEASE_MS_MAX, LEASE_MS_MIN, LOG_CALL_LINES_MAX, LOG_FIELDS_BYTES_MAX, LOG_MESSAGE_BYTES_MAX,
    MESSAGE_BYTES_MAX, REASON_BYTES_MAX, SNOOZE_MS_MAX, SURROUNDINGS_BYTES_MAX,
};

/// The largest message of a call that carries one signed document, in bytes: the document, and its envelope.
pub const DOCUMENT_MESSAGE_BYTES_MAX: usize = DOCUMENT_BYTES_MAX + 64 * 1024;
/// The largest message of a call that carries a few names and numbers, in bytes.
pub const SMALL_MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// The largest message of a call that chooses processes, in bytes: a filter has as many labels as a spec.
pub const FILTER_MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// The most bytes of a claim beside its results: an offer, and the names of [`HELD_LEASES_MAX`] leases.
pub const CLAIM_BYTES_BESIDE_RESULTS_MAX: usize = 256 * 1024;
/// The largest message that sets attributes, in bytes: [`ATTRIBUTES_CALL_MAX`] values with their keys.
pub const ATTRIBUTES_MESSAGE_BYTES_MAX: usize = ATTRIBUTES_CALL_MAX * (ATTRIBUTE_VALUE_BYTES_MAX + 1024);
/// The largest message of a registration, in bytes: the announced functions, and the offer.
pub const REGISTER_MESSAGE_BYTES_MAX: usize = ANNOUNCED_BYTES_MAX + 256 * 1024;
/// The largest message of a call that needs no signature and carries none, in bytes.
pub const UNSIGNED_MESSAGE_BYTES_MAX: usize = 4 * 1024;
/// Fields of one message, repeated ones counted each: more than any acceptable call has.
pub const MESSAGE_FIELDS_MAX: usize = 4096;
/// The largest body of `POST /v1/processes`, in bytes: a document in base64, and its envelope.
pub const HTTP_BODY_BYTES_MAX: usize = 3 * 1024 * 1024;
/// Bytes of messages that arrive or are in progress, in all.
pub const BODIES_BYTES_MAX: usize = 40 * 1024 * 1024;
/// The same, of all strangers together: known callers have the rest.
pub const STRANGERS_BODIES_BYTES_MAX: usize = 28 * 1024 * 1024;
/// The same, of strangers from one address, or of one connection of a known caller.
pub const SHARE_BODIES_BYTES_MAX: usize = 20 * 1024 * 1024;
/// Endless streams of clients that sign nothing: watches of health, and reflection.
pub const UNSIGNED_STREAMS_MAX: usize = 256;
/// A request's metadata or headers, in bytes.
pub const HEADER_BYTES_MAX: usize = 16 * 1024;
/// Longest time that the next bytes of a message may take.
pub const MESSAGE_STALL_MAX: Duration = Duration::from_secs(5);
/// Longest time that a client may take to send one message.
pub const MESSAGE_TIME_MAX: Duration = Duration::from_secs(60);
/// Longest time until the answer to a call begins: the longest claim, and room for a slow client. A watch's stream is
/// not counted.
pub const CALL_TIME_MAX: Duration = Duration::from_secs(90);
/// The pause that a caller is asked to make before it repeats a call that was rejected for want of room, or of a database.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The shortest pause between two messages to a client that watches gRPC's health.
pub const HEALTH_INTERVAL: Duration = Duration::from_secs(2);
/// Longest time that a client may take for a TLS handshake, and for the head of an HTTP/1 request.
pub const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// Longest time that a client that failed the TLS handshake may take to read the reason.
pub const LINGER_TIME_MAX: Duration = Duration::from_secs(1);
/// Bytes that a client may still send after it failed the TLS handshake.
pub const LINGER_BYTES_MAX: u64 = 64 * 1024;
/// The interval between checks of the TLS files.
pub const TLS_FILES_CHECKED_EVERY: Duration = Duration::from_secs(2);
/// Connections at the same time, by default.
pub const CONNECTIONS_MAX: usize = 2048;
/// Connections of strangers from one address at the same time, by default.
pub const CONNECTIONS_PER_PEER_MAX: usize = 256;
/// Longest time that a connection may take until its first request.
pub const FIRST_REQUEST_TIME_MAX: Duration = Duration::from_secs(20);
/// Longest time that a connection may be without a request.
pub const IDLE_TIME_MAX: Duration = Duration::from_secs(300);

/// The greatest difference between a request's time and the broker's clock, in milliseconds.
pub const REQUEST_WINDOW_MS: i64 = 60_000;
/// Nonces of one key that are remembered for the window; beyond it the key's calls are rejected as overload.
pub const NONCES_PER_KEY_MAX: usize = 200_000;
/// Nonces remembered for the window in all; beyond it the calls of keys with many are rejected as overload.
pub const NONCES_MAX: usize = 1_000_000;
/// Nonces that every key has room for, even if the total is reached.
pub const NONCES_PER_KEY_RESERVED: usize = 1000;
/// The most that a spec's time may be ahead of the broker's clock, in milliseconds.
pub const CLOCK_SKEW_MS_MAX: i64 = 5 * 60_000;
/// Keys whose grants are kept in memory.
pub const GRANT_CACHE_KEYS_MAX: usize = 10_000;

/// The longest that a claim waits for work, in milliseconds.
pub const CLAIM_WAIT_MS_MAX: i64 = 60_000;
/// The most polls that one pass serves; the others are in the next.
pub const CLAIM_PASS_POLLS_MAX: usize = 10_000;
/// The most passes of a claim that does not wait. It takes part in another pass only while passes end before the end of its lane.
pub const CLAIM_PASSES_PER_POLL_MAX: u32 = 4;
/// The most bytes of specs and grants in one claim's answer; the rest goes back to the queue.
pub const CLAIM_BYTES_MAX: usize = MESSAGE_BYTES_MAX - 1024 * 1024;
/// The time after which a lane that was found empty needs a pass for its next poll, in case a wake-up got lost.
pub const EMPTY_LANE_AGE_MAX: Duration = Duration::from_secs(60);
/// Executors that are remembered with the lanes that were empty when they polled.
pub const EMPTY_LANES_POLLERS_MAX: usize = 4096;
/// Leases that a broker gave and remembers, so that their completions read nothing.
pub const GIVEN_LEASES_MAX: usize = 16_384;
/// Leases that an executor names in a claim.
pub const HELD_LEASES_MAX: usize = 1000;
/// Claims that wait at one broker.
pub const POLLS_MAX: usize = 50_000;
/// Claims that wait, of one key.
pub const POLLS_PER_KEY_MAX: usize = 1024;

/// Keys of one limit whose use is shown.
pub const LIMIT_USES_SHOWN: usize = 10;
/// The age at which a colony's limits are read again, in case no other broker sent a hint about a change.
pub const LIMITS_REMEMBERED: Duration = Duration::from_secs(2);
/// The shortest pause between two passes of a lane in which limits hold back work.
pub const LIMITED_PASS_PAUSE: Duration = Duration::from_millis(20);

/// The longest hold on a process whose replacement is being submitted, in milliseconds: far longer than [`CALL_TIME_MAX`], after
/// which its submit has ended.
pub const REPLACING_MS_MAX: i64 = 3 * 60_000;
/// Bulk actions of one colony that run at once.
pub const BULKS_RUNNING_MAX: i64 = 20;
/// Bulk actions of one colony that are kept; beyond it, those that ended first are deleted.
pub const BULKS_KEPT: i64 = 1000;
/// Bulk actions that a list shows.
pub const BULKS_LISTED_MAX: i64 = 100;
/// The duration of a broker's hold on a bulk action, in milliseconds; if it dies, another broker takes the next step after it.
pub const BULK_HOLD_MS: i64 = 10_000;
/// Pages without a matching process that one step of a bulk action goes past.
pub const BULK_EMPTY_PAGES_MAX: usize = 20;
/// The pause between two steps of a bulk action, so that other calls get their turn.
pub const BULK_PAUSE: Duration = Duration::from_millis(20);
/// The pause after a step of a bulk action that failed.
pub const BULK_PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(2);
/// The interval at which a broker searches for bulk actions that another broker left: as long as the other's hold lasts, so that an idle
/// broker is quiet.
pub const BULK_INTERVAL: Duration = Duration::from_secs(10);
/// The latest time that a log line may bear, Unix milliseconds: the end of the year 9999.
pub const LOG_TIME_MS_MAX: i64 = 253_402_300_799_999;
/// Bytes of a text to search for in log lines.
pub const LOG_TEXT_BYTES_MAX: usize = 256;

/// The age up to which a commit proves that the database takes writes; after it, a readiness check writes.
pub const COMMIT_AGE_MAX: Duration = Duration::from_secs(5);
/// Longest time that the database may take to prove that it takes writes.
pub const READINESS_TIME_MAX: Duration = Duration::from_secs(3);

/// Watches at one broker, together with calls that await a process.
pub const WATCHES_MAX: usize = 10_000;
/// The same, of one key.
pub const WATCHES_PER_KEY_MAX: usize = 256;
/// Bytes that watches have read and their clients have not.
pub const WATCH_BYTES_MAX: usize = 256 * 1024 * 1024;
/// The same, of one key.
pub const WATCH_BYTES_PER_KEY_MAX: usize = 8 * 1024 * 1024;
/// Bytes that one read of a watch may bring: its log lines or its processes, at their largest.
pub const WATCH_READ_BYTES_MAX: usize = 1024 * 1024;
/// Processes that a watch reads at once.
pub const WATCH_PROCESSES_MAX: usize = 64;
/// Changes that a watch may lag behind before it is cut.
pub const WATCH_LAG_MAX: usize = 8192;
/// The grace time of a cancelled process, by default, in milliseconds.
pub const CANCEL_GRACE_MS_DEFAULT: i64 = 30_000;
/// The longest grace time of a cancelled process, in milliseconds.
pub const CANCEL_GRACE_MS_MAX: i64 = 3_600_000;
/// Finished processes that are read at once for the archive, each with everything that belongs to it.
pub const ARCHIVE_READ_ROWS: i64 = 32;
/// Objects of the archive that are named for one process: it is in several if it was redriven and finished again.
pub const ARCHIVE_PLACES_MAX: i64 = 1000;
/// The most processes of one call that puts them back.
pub const RESTORE_PROCESSES_MAX: usize = 1000;
/// The longest time for which a restored process is kept from leaving again, in milliseconds: ten years.
pub const RESTORE_KEEP_MS_MAX: i64 = 10 * 366 * 86_400_000;
/// The interval at which retention reads again what is behind it, although it knows of nothing there, in milliseconds.
pub const RETENTION_BEHIND_MS: i64 = 3_600_000;
/// Time for which the id of a deleted process is kept after its spec's `submit_by`, in milliseconds: a submit that was
/// let in at the last moment may still wait for its commit.
pub const DELETED_KEPT_MS: i64 = 60_000;
/// The fewest finished processes that a statement of retention reads. Each may have ten thousand log lines.
pub const RETENTION_ROWS_MIN: i64 = 50;
/// Finished processes that the first statement of retention reads.
pub const RETENTION_ROWS_FIRST: i64 = 500;
/// The most finished processes that a statement of retention reads.
pub const RETENTION_ROWS_MAX: i64 = 5_000;
/// The time that a statement of retention is to take: callers may wait for it.
pub const RETENTION_STATEMENT: Duration = Duration::from_millis(40);
/// The time after which retention turns to the next colony or state.
pub const RETENTION_TURN: Duration = Duration::from_secs(1);
/// The longest interval at which a broker searches for processes whose retention is over, in milliseconds.
pub const RETENTION_LOOK_MS_MAX: i64 = 60_000;
/// The part of the time that retention may spend on reading again what was kept: one in so many.
pub const RETENTION_KEPT_SHARE: i64 = 100;
/// Intervals between searches by which a process may outstay its retention before retention is said to lag.
pub const RETENTION_LAG_LOOKS: i64 = 10;
/// Processes past their retention that a colony's health reads, in each state.
pub const RETENTION_HEALTH_ROWS: i64 = 1_000;
/// The pause of retention after a failure.
pub const RETENTION_PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Longest time that a watch waits for its client to read; then it ends.
pub const WATCH_STALL_MAX: Duration = Duration::from_secs(60);
/// Log lines that a watch reads at once.
pub const WATCH_LINES_MAX: i64 = 31;
/// Rows of a page, by default.
pub const PAGE_SIZE_DEFAULT: i32 = 100;
/// The most bytes of a page's rows; beyond it the page ends early.
pub const PAGE_BYTES_MAX: usize = MESSAGE_BYTES_MAX - 1024 * 1024;
/// The most rows of a page.
pub const PAGE_SIZE_MAX: i32 = 1000;

/// Writes that wait for the next commit; beyond it calls are rejected as overload.
pub const COMMIT_QUEUE_MAX: usize = 20_000;
/// Bytes of one kind of write that wait for the database; beyond it calls are rejected as overload.
pub const COMMIT_QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Writes of one commit.
pub const COMMIT_BATCH_MAX: usize = 1000;
/// Bytes of documents in one commit.
pub const COMMIT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Lanes with a pass at the same time.
pub const CLAIM_PASSES_MAX: usize = 8;
/// Rows that a sweep moves in one statement.
pub const SWEEP_ROWS: i64 = 500;

/// The interval at which other brokers' changes are looked for while their hints arrive, because one may get lost: work for waiting
/// polls, revocations, limits, and processes that are watched.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// The same while no hints arrive, as behind a pooler.
pub const LOOK_INTERVAL_DEAF: Duration = Duration::from_secs(2);
/// Ended processes that a broker remembers until it has settled the processes that wait for them; beyond it, it checks all.
pub const ENDED_NOTED_MAX: usize = 10_000;
/// Replacements in a chain that a submit follows from a parent to the process to wait for.
pub const REPLACEMENTS_FOLLOWED_MAX: usize = 16;
/// The interval at which a broker checks all waits for other processes, in case a hint about an end was lost.
pub const SETTLE_ALL_INTERVAL: Duration = Duration::from_secs(60);
/// The longest sleep of the sweeps.
pub const SWEEP_SLEEP_MAX: Duration = Duration::from_secs(15);
/// The shortest sleep of the sweeps.
pub const SWEEP_SLEEP_MIN: Duration = Duration::from_millis(20);
/// The interval at which the database's clock is read.
pub const CLOCK_SYNC: Duration = Duration::from_secs(60);
/// The interval between counts of the brokers that listen. A broker that comes in between greets the others.
pub const PEERS_COUNT_INTERVAL: Duration = Duration::from_secs(10);
/// The interval at which changes of the numbers of processes are added up, after commits.
pub const COUNTS_FOLD_INTERVAL: Duration = Duration::from_secs(3);
/// The least pause between two such statements, as a multiple of the time that the first of them took.
pub const COUNTS_FOLD_REST: u32 = 20;
/// Changes that one statement adds up.
pub const COUNTS_FOLD_ROWS: i64 = 10_000;
/// Time for which hints for other brokers are gathered.
pub const NOTIFY_GATHER: Duration = Duration::from_millis(20);
/// Longest time that a stopping broker waits for calls in progress.
pub const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);

/// Characters of a process's labels that a finding repeats.
pub const HEALTH_LABELS_CHARS_MAX: usize = 200;
/// Executor types whose waiting work the colony's health examines, those that wait longest first.
pub const HEALTH_TYPES_MAX: usize = 50;
/// Colonies that a broker looks at for its notifier, those created first.
pub const ATTENTION_COLONIES_MAX: i64 = 1_000;
/// Time for that look.
pub const ATTENTION_TIME_MAX: Duration = Duration::from_secs(20);
/// Executors in a snapshot of a colony.
pub const SNAPSHOT_EXECUTORS_MAX: i64 = 1_000;
/// Longest time between two snapshots of a stream.
pub const SNAPSHOT_INTERVAL_MAX: Duration = Duration::from_secs(60);
/// Shortest time between them.
pub const SNAPSHOT_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// Grants that the colony's health examines, the oldest first.
pub const HEALTH_GRANTS_MAX: i64 = 5_000;
/// Grants of them that are read at once.
pub const HEALTH_GRANTS_PAGE: i64 = 250;
/// Grants that end soon and are reported one by one by the colony's health; the others are only counted.
pub const HEALTH_GRANTS_TOLD_MAX: usize = 10;
/// The time before a grant's end from which the colony's health reports it.
pub const GRANT_ENDS_SOON: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Sorts of work without a suitable executor that the colony's health reports.
pub const HEALTH_SORTS_MAX: usize = 50;
/// Waiting processes of a type that are read to explain why an executor gets no work, the first of them.
pub const EXPLAIN_ROWS_MAX: i64 = 10_000;
/// Executors that an explanation reads.
pub const EXPLAIN_EXECUTORS_MAX: i64 = 1000;
/// The period of runs that an estimate is based on, in milliseconds.
pub const EXPLAIN_RUNS_WINDOW_MS: i64 = 3_600_000;
/// The age at which waiting work without a listening executor is reported, by default.
pub const UNATTENDED_AFTER: Duration = Duration::from_secs(60);
/// The shortest and the longest pause between two searches for such work.
pub const ATTEND_EVERY_MIN: Duration = Duration::from_millis(100);
/// See [`ATTEND_EVERY_MIN`].
pub const ATTEND_EVERY_MAX: Duration = Duration::from_secs(30);
/// Executors of a colony that wait for approval; beyond it registering is rejected as overload, unless a silent one is removed.
pub const PENDING_EXECUTORS_MAX: i64 = 1000;
/// Executors from one address that wait for approval: one stranger leaves room for others.
pub const PENDING_EXECUTORS_PER_PEER_MAX: usize = 100;
/// Time without a sign after which an executor that waits for approval is removed if there is no more room, in
/// milliseconds: anybody can make keys, and one who waits asks again every minute.
pub const PENDING_GIVES_WAY_AFTER_MS: i64 = 10 * 60_000;
/// Time without a sign after which an executor that waits for approval is deleted, in milliseconds.
pub const PENDING_FORGET_AFTER_MS: i64 = 3_600_000;
/// Functions that an executor announces.
pub const ANNOUNCED_FUNCTIONS_MAX: usize = 256;
/// Bytes of a function's description.
pub const DESCRIPTION_BYTES_MAX: usize = 4096;
/// Bytes of the schema of a function's arguments.
pub const ARGS_SCHEMA_BYTES_MAX: usize = 64 * 1024;
/// Bytes of all functions that an executor announces.
pub const ANNOUNCED_BYTES_MAX: usize = 1024 * 1024;
/// The same without a grant: anybody can make a key.
pub const PENDING_BYTES_MAX: usize = 64 * 1024;
/// Bytes of an executor's version.
pub const VERSION_BYTES_MAX: usize = 128;
/// Values in a schema, each reference counted as what it refers to.
pub const ARGS_SCHEMA_VALUES_MAX: usize = 2000;
/// Levels of a schema, references included.
pub const ARGS_SCHEMA_DEPTH_MAX: usize = 64;
/// Bytes of a compiled pattern in a schema.
pub const ARGS_SCHEMA_PATTERN_BYTES_MAX: usize = 256 * 1024;
/// Patterns in the schemas of one executor's functions, each reference counted as what it refers to: compiling them is
/// expensive.
pub const ARGS_SCHEMA_PATTERNS_MAX: usize = 128;
/// Schemas of executors that are compiled at the same time for an announcement, each on a thread of its own; and as many for checks
/// of arguments.
pub const ARGS_SCHEMA_COMPILERS_MAX: usize = 2;
/// Compiled schemas in the cache.
pub const ARGS_SCHEMAS_MAX: usize = 512;
/// Bytes of the texts of compiled schemas in the cache.
pub const ARGS_SCHEMAS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Arguments with more bytes are not checked against schemas before they are stored: the executor checks them.
pub const ARGS_CHECKED_BYTES_MAX: usize = 64 * 1024;
/// The age at which cached announcements are read again.
pub const CATALOGUE_AGE_MAX: Duration = Duration::from_secs(2);
/// Executors whose announcements are read, those heard last.
pub const CATALOGUE_ROWS_MAX: i64 = 1000;
/// Colonies whose announcements are in the cache.
pub const COLONIES_REMEMBERED_MAX: usize = 1000;
/// Functions in a catalogue.
pub const FUNCTIONS_MAX: i64 = 1000;
/// Executor names that are listed with a function.
pub const ANNOUNCERS_MAX: usize = 100;
/// Finished processes that statistics are computed from, the last ones.
pub const STATISTICS_PROCESSES_MAX: i64 = 2_000;
/// The longest window of statistics, in milliseconds.
pub const STATISTICS_WINDOW_MS_MAX: i64 = 30 * 24 * 3_600_000;
/// The default window of statistics, in milliseconds.
pub const STATISTICS_WINDOW_MS_DEFAULT: i64 = 24 * 3_600_000;
/// Executors that are read for one page.
pub const EXECUTORS_LOOKED_AT_MAX: usize = 10_000;
/// Keys of executors whose last-seen times are in memory.
pub const CONTACT_KEYS_MAX: usize = 100_000;
/// Executor types of one key whose last-seen times are in memory.
pub const EXECUTOR_TYPES_PER_KEY_MAX: usize = 64;
/// The interval at which last-seen times are checked for a flush.
pub const CONTACT_TICK: Duration = Duration::from_secs(5);
/// The interval at which the last-seen time of an active executor is flushed, in milliseconds.
pub const CONTACT_REWRITE_MS: i64 = 30_000;
/// Time without a sign after which an executor is deleted, in milliseconds.
pub const EXECUTOR_FORGET_AFTER_MS: i64 = 30 * 24 * 3_600_000;
/// The interval at which such executors, and those that waited for approval, are searched for.
pub const EXECUTOR_FORGET_EVERY: Duration = Duration::from_secs(300);
/// Time without a sign after which an executor is silent, by default.
pub const EXECUTOR_SILENT_AFTER: Duration = Duration::from_secs(60);
/// Time without a sign after which an executor is gone, by default.
pub const EXECUTOR_GONE_AFTER: Duration = Duration::from_secs(120);
/// The interval at which a watch checks whether its grant is over: the wall clock may be adjusted.
pub const GRANT_END_INTERVAL: Duration = Duration::from_secs(5);
/// The overlap of a read of revocations with the one before, in milliseconds: longer than a commit takes.
pub const REVOCATIONS_OVERLAP_MS: i64 = 60_000;
/// Revocations that one read brings; at this number, all cached grants are dropped.
pub const REVOCATIONS_MAX: i64 = 10_000;
/// The pause before leases that a broker made during a revocation are released, in milliseconds.
pub const GIVE_BACK_AGAIN_MS: i64 = 1000;
/// The interval in which a cause of refusals makes at most one event, in milliseconds.
pub const REFUSAL_INTERVAL_MS: i64 = 60_000;
/// Causes of refusals that are counted one by one at the same time.
pub const REFUSAL_CAUSES_MAX: usize = 1024;
/// The same, of one colony: others are counted together, by their kind.
pub const REFUSAL_CAUSES_PER_COLONY_MAX: usize = 32;
/// The same, of one address.
pub const REFUSAL_CAUSES_PER_PEER_MAX: usize = 64;
/// The same, of one address against one colony: an address alone does not take a colony's places.
pub const REFUSAL_CAUSES_PER_PEER_AND_COLONY_MAX: usize = 8;
/// Causes of refusals that name no colony, or one that no call was served for lately.
pub const REFUSAL_CLAIMED_MAX: usize = 128;
/// The same, of one address.
pub const REFUSAL_CLAIMED_PER_PEER_MAX: usize = 8;
/// Bytes of a document that are read for the names in it although its signature is wrong.
pub const REFUSAL_CLAIM_BYTES_MAX: usize = 4096;
/// The interval at which gathered refusals are written.
pub const REFUSALS_TICK: Duration = Duration::from_secs(1);
/// Changes by members that a colony's stream keeps; beyond it the oldest are deleted.
pub const EVENT_CHANGES_MAX: i64 = 100_000;
/// The same, of refusals.
pub const EVENT_REFUSALS_MAX: i64 = 20_000;
/// The same, of changes that need the key of the colony or of the server's owner.
pub const EVENT_OWNED_MAX: i64 = 20_000;
/// The same, of keys that ask for approval.
pub const EVENT_NEWCOMERS_MAX: i64 = 5_000;
/// The same, of new addresses of keys.
pub const EVENT_ADDRESSES_MAX: i64 = 5_000;
/// Keys whose networks a broker has in memory; beyond it all are forgotten, and looked up in the database again.
pub const KEY_NETWORKS_KEYS_MAX: usize = 8192;
/// Networks of one key in memory; beyond it the oldest are forgotten there.
pub const KEY_NETWORKS_PER_KEY_MAX: usize = 16;
/// Networks that wait to be looked up in the database; further ones wait for another call.
pub const KEY_NETWORKS_DUE_MAX: usize = 256;
/// Networks of one key that a broker looks up in an hour: whoever holds a key can have any number of addresses.
pub const KEY_NETWORKS_PER_HOUR_MAX: u32 = 16;
/// Events of a colony that one statement deletes.
pub const EVENT_ROWS_MAX: i64 = 1000;
/// The interval at which events past their bounds are searched for.
pub const EVENTS_SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// The interval at which a call that waits for an event asks for the end of the stream.
pub const EVENTS_LOOK_INTERVAL: Duration = Duration::from_millis(500);
