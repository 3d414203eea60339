//! Every bound of the broker, named. What may be inside a signed document is in `apiary_identity::limits`.

use std::time::Duration;

use apiary_identity::limits::DOCUMENT_BYTES_MAX;

/// The largest gRPC message either way, in bytes: room for a claim or a batch of several documents.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The largest message of a call that carries one signed document, in bytes: the document, and its envelope.
pub const DOCUMENT_MESSAGE_BYTES_MAX: usize = DOCUMENT_BYTES_MAX + 64 * 1024;
/// The largest message of a call that carries a few names and numbers, in bytes.
pub const SMALL_MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// The largest message of a call that chooses processes, in bytes: a filter has as many labels as a spec.
pub const FILTER_MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// The largest message that sets attributes, in bytes: [`ATTRIBUTES_CALL_MAX`] values with their keys.
pub const ATTRIBUTES_MESSAGE_BYTES_MAX: usize = ATTRIBUTES_CALL_MAX * (ATTRIBUTE_VALUE_BYTES_MAX + 1024);
/// The largest message by which an executor says what it is, in bytes: what it announces, and what it has.
pub const REGISTER_MESSAGE_BYTES_MAX: usize = ANNOUNCED_BYTES_MAX + 256 * 1024;
/// The largest message of a call that needs no signature and carries none, in bytes.
pub const UNSIGNED_MESSAGE_BYTES_MAX: usize = 4 * 1024;
/// Fields of one message, those of a kind that repeats counted each: more than any call has that could be accepted.
pub const MESSAGE_FIELDS_MAX: usize = 4096;
/// The largest body of `POST /v1/processes`, in bytes: a document in base64, and its envelope.
pub const HTTP_BODY_BYTES_MAX: usize = 3 * 1024 * 1024;
/// Bytes of messages on the way and in progress, of everybody together.
pub const BODIES_BYTES_MAX: usize = 40 * 1024 * 1024;
/// The same, of all strangers together: whoever is known finds the rest.
pub const STRANGERS_BODIES_BYTES_MAX: usize = 28 * 1024 * 1024;
/// The same, of strangers from one address, or of one connection of somebody known.
pub const SHARE_BODIES_BYTES_MAX: usize = 20 * 1024 * 1024;
/// Streams without an end of clients that sign nothing: watches of health, and reflection.
pub const UNSIGNED_STREAMS_MAX: usize = 256;
/// A request's metadata or headers, in bytes.
pub const HEADER_BYTES_MAX: usize = 16 * 1024;
/// Longest time that the next bytes of a message may take.
pub const MESSAGE_STALL_MAX: Duration = Duration::from_secs(5);
/// How long a client may take to send one message.
pub const MESSAGE_TIME_MAX: Duration = Duration::from_secs(60);
/// How long a call may take until its answer begins: the longest claim, and room for a slow client. What a watch streams is
/// not counted.
pub const CALL_TIME_MAX: Duration = Duration::from_secs(90);
/// How long a caller is asked to wait before it sends again what was refused for want of room, or of a database.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How often a client that watches gRPC's health is told of a change, at the most.
pub const HEALTH_LOOK: Duration = Duration::from_secs(2);
/// Longest time that a client may take for a TLS handshake, and for the head of an HTTP/1 request.
pub const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// Longest time that a client that failed the TLS handshake may take to read why.
pub const LINGER_TIME_MAX: Duration = Duration::from_secs(1);
/// What a client may still send after it failed the TLS handshake, in bytes.
pub const LINGER_BYTES_MAX: u64 = 64 * 1024;
/// The files of TLS are looked at this often.
pub const TLS_FILES_CHECKED_EVERY: Duration = Duration::from_secs(2);
/// Connections at the same time, if nothing else is set.
pub const CONNECTIONS_MAX: usize = 2048;
/// Connections of strangers from one address at the same time, if nothing else is set.
pub const CONNECTIONS_PER_PEER_MAX: usize = 256;
/// Longest time that a connection may take until its first request.
pub const FIRST_REQUEST_TIME_MAX: Duration = Duration::from_secs(20);
/// Longest time that a connection may be without a request.
pub const IDLE_TIME_MAX: Duration = Duration::from_secs(300);

/// A request may be this much older or newer than the broker's clock, in milliseconds.
pub const REQUEST_WINDOW_MS: i64 = 60_000;
/// Nonces of one key that are remembered for the window; beyond it the key's calls are refused as overload.
pub const NONCES_PER_KEY_MAX: usize = 200_000;
/// Nonces remembered for the window in all; beyond it the calls of keys with many are refused as overload.
pub const NONCES_MAX: usize = 1_000_000;
/// Nonces that every key has room for, however many the others have.
pub const NONCES_PER_KEY_RESERVED: usize = 1000;
/// A spec may be made this far in the future of the broker's clock, in milliseconds.
pub const CLOCK_SKEW_MS_MAX: i64 = 5 * 60_000;
/// Keys whose grants are kept in memory.
pub const GRANT_CACHE_KEYS_MAX: usize = 10_000;

/// The longest that a claim waits for work, in milliseconds.
pub const CLAIM_WAIT_MS_MAX: i64 = 60_000;
/// The most processes of one claim.
pub const CLAIM_COUNT_MAX: i32 = 1000;
/// The most processes that one pass takes from a lane, for all its polls together: their specs are in memory at once, at most 1 MiB
/// each as a rule.
pub const CLAIM_PASS_COUNT_MAX: usize = 256;
/// The most polls that one pass serves; the others are in the next.
pub const CLAIM_PASS_POLLS_MAX: usize = 10_000;
/// A claim that does not wait is in another pass while passes end before the end of its lane, but in so many at the most.
pub const CLAIM_PASSES_PER_POLL_MAX: u32 = 4;
/// The most bytes of specs and grants in one claim's answer; what does not fit goes back to the queue.
pub const CLAIM_BYTES_MAX: usize = MESSAGE_BYTES_MAX - 1024 * 1024;
/// Claims that wait at one broker.
pub const POLLS_MAX: usize = 50_000;
/// Claims that wait, of one key.
pub const POLLS_PER_KEY_MAX: usize = 1024;
/// The shortest lease, in milliseconds.
pub const LEASE_MS_MIN: i64 = 1000;
/// The longest lease, in milliseconds.
pub const LEASE_MS_MAX: i64 = 3_600_000;
/// A lease if the executor does not say, in milliseconds.
pub const LEASE_MS_DEFAULT: i64 = 30_000;

/// Waiting processes that a claim looks at together.
pub const CLAIM_PAGE_MAX: usize = 1000;
/// Waiting processes that a claim walks past in one transaction; then it ends it, so that nobody waits long for its locks, and goes on
/// from there in the next.
pub const CLAIM_WALK_MAX: i64 = 10_000;
/// Keys that a claim knows to be used up and that its next look leaves out; work of further keys is looked at one by one.
pub const CLAIM_KEYS_MAX: i64 = 10_000;
/// Sorts of work that a claim found nobody for and that its next look leaves out; work of further sorts is looked at one by one.
pub const CLAIM_REFUSED_MAX: usize = 128;
/// Sorts of work of which a claim remembers which poll may take them.
pub const CLAIM_SORTS_MAX: usize = 1000;
/// Names and beginnings of functions by which a claim narrows its looks; beyond it, all functions are looked at.
pub const CLAIM_PATTERNS_MAX: usize = 1000;

/// Things that are paused in one colony.
pub const PAUSES_MAX: i64 = 1000;
/// Limits of one colony.
pub const LIMITS_MAX: i64 = 1000;
/// The most that a limit allows to run at once, or to start in an interval, or at once after a pause.
pub const LIMIT_COUNT_MAX: i32 = 1_000_000;
/// The longest interval of a rate, in milliseconds: a day.
pub const LIMIT_INTERVAL_MS_MAX: i64 = 86_400_000;
/// Keys of one limit that are shown with their use.
pub const LIMIT_USES_SHOWN: usize = 10;
/// Keys and names that are read to find those.
pub const LIMIT_USES_READ: i64 = 10_000;
/// How long a broker goes by the limits of a colony that it has read, where no other broker tells it of a change.
pub const LIMITS_REMEMBERED: Duration = Duration::from_secs(5);
/// A lane in which limits keep work waiting has its next pass this much later at the earliest.
pub const LIMITED_PASS_PAUSE: Duration = Duration::from_millis(20);
/// How long what runs has to stop by itself when a limit cancels it, in milliseconds.
pub const LIMIT_GRACE_MS: i64 = 30_000;
/// Processes that one submit cancels, of one key.
pub const LIMIT_CANCELS_MAX: i64 = 500;

/// A reason in words, in bytes.
pub const REASON_BYTES_MAX: usize = 4096;
/// The name of what is out of order around work, in bytes.
pub const SURROUNDINGS_BYTES_MAX: usize = 128;

/// A process that is kept for another to take its place is let go after so long without it, in milliseconds: far longer than
/// [`CALL_TIME_MAX`], after which nobody submits it any more.
pub const REPLACING_MS_MAX: i64 = 3 * 60_000;
/// A process that is awaited is read this often without a sign.
pub const AWAIT_LOOK: Duration = Duration::from_secs(5);
/// Bulk actions of one colony that run at once.
pub const BULKS_RUNNING_MAX: i64 = 20;
/// Bulk actions of one colony that are kept; of more, those that ended first are forgotten.
pub const BULKS_KEPT: i64 = 1000;
/// Bulk actions that a list shows.
pub const BULKS_LISTED_MAX: i64 = 100;
/// How long a broker holds a bulk action for one step; if it dies, another goes on with it after so long, in milliseconds.
pub const BULK_HOLD_MS: i64 = 10_000;
/// Between two steps of a bulk action, for the sake of everybody else.
pub const BULK_PAUSE: Duration = Duration::from_millis(20);
/// How often a broker looks for bulk actions that another left.
pub const BULK_LOOK: Duration = Duration::from_secs(2);
/// Documents of one batch.
pub const BATCH_DOCUMENTS_MAX: usize = 1000;
/// Log lines that one process may have; what comes beyond is dropped, and counted.
pub const LOG_LINES_MAX: usize = 10_000;
/// Bytes of messages and fields that the log lines of one process may have.
pub const LOG_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Log lines of one call.
pub const LOG_CALL_LINES_MAX: usize = 1000;
/// Bytes of one log line's message.
pub const LOG_MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// Bytes of one log line's fields, as JSON.
pub const LOG_FIELDS_BYTES_MAX: usize = 16 * 1024;
/// The latest time that a log line may bear, Unix milliseconds: the end of the year 9999.
pub const LOG_TIME_MS_MAX: i64 = 253_402_300_799_999;
/// Bytes of a text that is looked for in log lines.
pub const LOG_TEXT_BYTES_MAX: usize = 256;
/// Attributes that one process may have.
pub const ATTRIBUTES_MAX: usize = 256;
/// Attributes of one call.
pub const ATTRIBUTES_CALL_MAX: usize = 64;
/// Characters of an attribute's key.
pub const ATTRIBUTE_KEY_CHARS_MAX: usize = 128;
/// Bytes of an attribute's value.
pub const ATTRIBUTE_VALUE_BYTES_MAX: usize = 4096;

/// A commit that is not older proves that the database takes writes; without one, a question after readiness writes.
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
/// Bytes that one look of a watch may bring: its log lines or its processes, as large as they may be.
pub const WATCH_READ_BYTES_MAX: usize = 1024 * 1024;
/// Processes that a watch reads at once.
pub const WATCH_PROCESSES_MAX: usize = 64;
/// Changes that a watch may lag behind before it is cut.
pub const WATCH_LAG_MAX: usize = 8192;
/// The most attempts of one process that are shown: the last ones.
pub const ATTEMPTS_MAX: i64 = 100;
/// How long a cancelled process may still run if the caller does not say, in milliseconds.
pub const CANCEL_GRACE_MS_DEFAULT: i64 = 30_000;
/// How long a cancelled process may still run at the most, in milliseconds.
pub const CANCEL_GRACE_MS_MAX: i64 = 3_600_000;
/// The longest that a process may be put off, in milliseconds: a year.
pub const SNOOZE_MS_MAX: i64 = 365 * 24 * 3_600_000;
/// Deleted processes are remembered for so much longer than their specs may be submitted, in milliseconds: a submit that was
/// let in at the last moment may still wait for its commit.
pub const DELETED_KEPT_MS: i64 = 60_000;
/// Finished processes that one statement deletes because their retention is over.
pub const RETENTION_ROWS: i64 = 200;
/// How often a broker looks for processes whose retention is over, at the most, in milliseconds.
pub const RETENTION_LOOK_MS_MAX: i64 = 60_000;
/// The pause between two statements of retention while there is more to delete, in milliseconds: nobody waits for it.
pub const RETENTION_PAUSE_MS: i64 = 200;
/// How long a watch waits for its client to read; then it is cut.
pub const WATCH_STALL_MAX: Duration = Duration::from_secs(60);
/// Log lines that a watch reads at once.
pub const WATCH_LINES_MAX: i64 = 31;
/// Rows of a page if the caller does not say.
pub const PAGE_SIZE_DEFAULT: i32 = 100;
/// The most bytes of a page's rows; it ends early where they are more.
pub const PAGE_BYTES_MAX: usize = MESSAGE_BYTES_MAX - 1024 * 1024;
/// Rows of a page at the most.
pub const PAGE_SIZE_MAX: i32 = 1000;

/// Writes that wait for the next commit; beyond it callers are refused as overload.
pub const COMMIT_QUEUE_MAX: usize = 20_000;
/// Bytes of one kind of write that wait for the database; beyond it callers are refused as overload.
pub const COMMIT_QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Writes of one commit.
pub const COMMIT_BATCH_MAX: usize = 1000;
/// Bytes of documents in one commit.
pub const COMMIT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Lanes that are claimed from at the same time.
pub const CLAIM_PASSES_MAX: usize = 8;
/// Rows that a sweep moves in one statement.
pub const SWEEP_ROWS: i64 = 500;

/// How often waiting polls look by themselves when several brokers share a database, because a hint may get lost.
pub const SLOW_POLL: Duration = Duration::from_secs(5);
/// Ended processes that a broker remembers until it has looked at what waits for them; beyond that it looks at all.
pub const ENDED_NOTED_MAX: usize = 10_000;
/// How many replacements, one of the other, a submit follows to what is to be waited for.
pub const REPLACEMENTS_FOLLOWED_MAX: usize = 16;
/// How often a broker looks at all that waits for others, whoever may have missed their ends.
pub const SETTLE_ALL_INTERVAL: Duration = Duration::from_secs(60);
/// The longest that the sweeps sleep.
pub const SWEEP_SLEEP_MAX: Duration = Duration::from_secs(15);
/// The shortest that the sweeps sleep.
pub const SWEEP_SLEEP_MIN: Duration = Duration::from_millis(20);
/// How often the database's clock is read.
pub const CLOCK_SYNC: Duration = Duration::from_secs(60);
/// How long hints for other brokers are gathered.
pub const NOTIFY_GATHER: Duration = Duration::from_millis(20);
/// How long a stopping broker waits for calls in progress.
pub const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);

/// Failed processes that others wait for, told of by the colony's health.
pub const FAILED_PARENTS_TOLD: i64 = 20;
/// Failures, the latest of each state, and blocked processes, those blocked longest, among which the colony's health looks for such.
pub const FAILED_PARENTS_LOOK: i64 = 1_000;
/// Processes that wait for a failed one, counted by the colony's health; beyond it says "at least".
pub const HEALTH_CHILDREN_MAX: i64 = 500;
/// Dead letters and failures that the colony's health counts, of each; beyond it says "at least".
pub const HEALTH_COUNT_MAX: i64 = 1_000;
/// Processes that wait for their surroundings, counted by the colony's health.
pub const HEALTH_WAITS_MAX: i64 = 1_000;
/// Characters of a process's labels that a finding repeats.
pub const HEALTH_LABELS_CHARS_MAX: usize = 200;
/// Causes of such waits, told of by the colony's health.
pub const HEALTH_CAUSES_MAX: i64 = 20;
/// Lanes that are looked at when it is told what waits.
pub const HEALTH_LANES_MAX: i64 = 10_000;
/// Waiting processes that are counted for it, shared evenly among the lanes; beyond its share it says "at least".
pub const HEALTH_ROWS_MAX: i64 = 5_000;
/// Executor types whose waiting work the colony's health looks into, those that wait longest first.
pub const HEALTH_TYPES_MAX: usize = 50;
/// Grants that the colony's health looks at, the oldest first.
pub const HEALTH_GRANTS_MAX: i64 = 5_000;
/// And how many of them are read at once.
pub const HEALTH_GRANTS_PAGE: i64 = 250;
/// Grants that end soon, told of one by one by the colony's health; of the others it says how many.
pub const HEALTH_GRANTS_TOLD_MAX: usize = 10;
/// The colony's health tells of a grant's end so long before.
pub const GRANT_ENDS_SOON: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Sorts of work that nobody can take, told of by the colony's health.
pub const HEALTH_SORTS_MAX: usize = 50;
/// Waiting processes of a type that are looked at when it is explained why an executor gets no work, the first of them.
pub const EXPLAIN_ROWS_MAX: i64 = 10_000;
/// Executors that explaining looks at.
pub const EXPLAIN_EXECUTORS_MAX: i64 = 1000;
/// The time whose runs an estimate goes by, in milliseconds.
pub const EXPLAIN_RUNS_WINDOW_MS: i64 = 3_600_000;
/// Work that has waited for so long, and nobody listens, is reported, if nothing else is set.
pub const UNATTENDED_AFTER: Duration = Duration::from_secs(60);
/// The shortest and the longest between two looks for such work.
pub const ATTEND_EVERY_MIN: Duration = Duration::from_millis(100);
/// See [`ATTEND_EVERY_MIN`].
pub const ATTEND_EVERY_MAX: Duration = Duration::from_secs(30);
/// Executors of a colony that wait for approval; beyond it registering is refused as overload, unless one gives way.
pub const PENDING_EXECUTORS_MAX: i64 = 1000;
/// Executors from one address that wait for approval: one stranger leaves room for others.
pub const PENDING_EXECUTORS_PER_PEER_MAX: usize = 100;
/// An executor that waits for approval gives way to another, if there is no more room, when it was not heard for so long, in
/// milliseconds: anybody can make keys, and one who waits asks again every minute.
pub const PENDING_GIVES_WAY_AFTER_MS: i64 = 10 * 60_000;
/// An executor that waits for approval is forgotten when it was not heard for so long, in milliseconds.
pub const PENDING_FORGET_AFTER_MS: i64 = 3_600_000;
/// Functions that an executor announces.
pub const ANNOUNCED_FUNCTIONS_MAX: usize = 256;
/// Bytes of a function's description.
pub const DESCRIPTION_BYTES_MAX: usize = 4096;
/// Bytes of the schema of a function's arguments.
pub const ARGS_SCHEMA_BYTES_MAX: usize = 64 * 1024;
/// Bytes of all that an executor announces.
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
/// Patterns in the schemas of one executor's functions, each reference counted as what it refers to: they are what is dear to
/// compile.
pub const ARGS_SCHEMA_PATTERNS_MAX: usize = 128;
/// Executors whose schemas are compiled at the same time, each on a thread of its own, where they announce them; and as many where
/// arguments are to be checked.
pub const ARGS_SCHEMA_COMPILERS_MAX: usize = 2;
/// Compiled schemas that are remembered.
pub const ARGS_SCHEMAS_MAX: usize = 512;
/// Bytes of the texts of compiled schemas that are remembered.
pub const ARGS_SCHEMAS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Arguments with more bytes are not checked against schemas before they are kept: that is for the executor.
pub const ARGS_CHECKED_BYTES_MAX: usize = 64 * 1024;
/// How long what executors announce is remembered.
pub const CATALOGUE_AGE_MAX: Duration = Duration::from_secs(5);
/// Executors whose announcements are read, those heard last.
pub const CATALOGUE_ROWS_MAX: i64 = 1000;
/// Colonies whose announcements are remembered.
pub const COLONIES_REMEMBERED_MAX: usize = 1000;
/// Functions in a catalogue.
pub const FUNCTIONS_MAX: i64 = 1000;
/// Names beside a function, of those who announce it.
pub const ANNOUNCERS_MAX: usize = 100;
/// Finished processes that statistics are made of, the last ones.
pub const STATISTICS_PROCESSES_MAX: i64 = 100_000;
/// The longest window of statistics, in milliseconds.
pub const STATISTICS_WINDOW_MS_MAX: i64 = 30 * 24 * 3_600_000;
/// The window of statistics if the caller does not say, in milliseconds.
pub const STATISTICS_WINDOW_MS_DEFAULT: i64 = 24 * 3_600_000;
/// Executors that one page is chosen from.
pub const EXECUTORS_LOOKED_AT_MAX: usize = 10_000;
/// Keys of executors that are remembered as heard.
pub const CONTACT_KEYS_MAX: usize = 100_000;
/// Executor types of one key that are remembered as heard.
pub const EXECUTOR_TYPES_PER_KEY_MAX: usize = 64;
/// How often it is looked whether something heard is to be written down.
pub const CONTACT_TICK: Duration = Duration::from_secs(5);
/// An executor that is heard all the time is written down so often, in milliseconds.
pub const CONTACT_REWRITE_MS: i64 = 30_000;
/// An executor that was not heard for so long is forgotten, in milliseconds.
pub const EXECUTOR_FORGET_AFTER_MS: i64 = 30 * 24 * 3_600_000;
/// How often such executors, and those that waited for approval, are looked for.
pub const EXECUTOR_FORGET_EVERY: Duration = Duration::from_secs(300);
/// After this long without a sound an executor is silent, unless a setting says otherwise.
pub const EXECUTOR_SILENT_AFTER: Duration = Duration::from_secs(60);
/// After this long without a sound an executor is gone, unless a setting says otherwise.
pub const EXECUTOR_GONE_AFTER: Duration = Duration::from_secs(120);
/// How often a watch looks whether its grant is over, by a clock that may be set.
pub const GRANT_END_LOOK: Duration = Duration::from_secs(5);
/// How often other brokers' revocations are looked for, because a hint may get lost.
pub const REVOCATIONS_LOOK: Duration = Duration::from_secs(5);
/// A look for revocations goes so far back behind the last one, in milliseconds: longer than a commit takes.
pub const REVOCATIONS_OVERLAP_MS: i64 = 60_000;
/// Revocations that one look reads; with more, all grants are read anew.
pub const REVOCATIONS_MAX: i64 = 10_000;
/// What a broker leased in the moment of a revocation is given back so much later, in milliseconds.
pub const GIVE_BACK_AGAIN_MS: i64 = 1000;
