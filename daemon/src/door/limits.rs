//! Every bound of a door that no setting changes, named.

use std::time::Duration;

/// Headers of one HTTP/1 request; more is answered 431.
pub const HEADERS_MAX: usize = 64;
/// The smallest buffer that HTTP/1 can read heads with.
pub const HTTP1_BUFFER_BYTES_MIN: usize = 8192;
/// Bytes that are read from one connection before the others have their turn.
pub const TURN_BYTES_MAX: u64 = 8 * 1024;
/// Bytes that one HTTP/2 stream may send ahead of its reader.
pub const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// What the streams of one HTTP/2 connection may send ahead of their readers together, in bytes. The library allows small frames
/// by half of it: less would end connections on which as many calls as may be begin at once.
pub const CONNECTION_WINDOW_BYTES: u32 = 512 * 1024;
/// Bytes that one HTTP/2 stream may have written ahead of its client.
pub const SEND_BUFFER_BYTES_MAX: usize = 64 * 1024;
/// Streams that an HTTP/2 client may reset before they are looked at; beyond it the connection ends.
pub const RESET_STREAMS_MAX: usize = 20;
/// Calls without an end in sight that one HTTP/2 connection may hold; the other streams are left for short calls.
pub const LONG_CALLS_OF_CONNECTION_MAX: usize = 960;
/// Calls in progress on one HTTP/2 connection.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 1024;

/// Connections that may wait to be accepted; the system may allow fewer (`net.core.somaxconn`). Beyond it they are dropped, and clients
/// try again only after seconds.
pub const ACCEPT_QUEUE_MAX: u32 = 4096;
/// An idle HTTP/2 connection is asked for a sign of life this often, and closed after as long without one.
pub const KEEPALIVE: Duration = Duration::from_secs(20);
/// Longest time that a connection that is asked to end may take for it.
pub const CLOSE_TIME_MAX: Duration = Duration::from_secs(5);
/// After a connection could not be accepted (no file descriptors left, as a rule), the next comes this much later.
pub const PAUSE_AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(50);
/// A known connection gives way, where there is no other room, after so long without a request.
pub const KNOWN_IDLE_MIN: Duration = Duration::from_secs(10);
/// A stranger's connection has so long to send a request, or the next, before it counts as silent or idle. Where connections give way
/// that were open for less, the door takes the next one a little later.
pub const STAY_MIN: Duration = Duration::from_secs(1);
/// How much later.
pub const PAUSE_AFTER_EARLY_CUT: Duration = Duration::from_millis(2);
/// Connections that gave way or were refused are logged this often at the most.
pub const REFUSALS_LOGGED_EVERY: Duration = Duration::from_secs(60);

/// What a request counts beside its headers while it is in progress: its stream and its task.
pub const REQUEST_BYTES: usize = 8 * 1024;
/// Bytes of requests in progress of strangers from one peer: as many as one connection carries, with usual headers.
pub const PEER_REQUESTS_BYTES_MAX: usize = 10 * 1024 * 1024;
/// The same, of all strangers together.
pub const REQUESTS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Requests of strangers that may wait for their first turn or their last; with more, connections that bring many wait, too.
pub const REQUESTS_QUEUED_MAX: usize = 256;
/// Their pause before they look again.
pub const PAUSE_IN_CROWD: Duration = Duration::from_millis(2);
/// Requests without room that a stranger's connection may bring; with more, it is closed.
pub const REFUSED_REQUESTS_MAX: u32 = 100;
/// Bytes of one block of a body.
pub const BLOCK_BYTES: usize = 16 * 1024;
/// A body on the way for less than this gives way to no other.
pub const BODY_GRACE: Duration = Duration::from_millis(500);
/// Longest time that a body waits for room before it is refused.
pub const ROOM_WAIT_MAX: Duration = Duration::from_secs(2);
/// How much later it is said that there was no room: whoever comes again at once is slowed down.
pub const REFUSAL_PAUSE: Duration = Duration::from_millis(250);
/// Refusals that are held back at once.
pub const REFUSALS_HELD_MAX: usize = 256;
/// Interval at which a body that waits looks for room without being told.
pub const ROOM_LOOK: Duration = Duration::from_millis(50);
/// Bodies that wait for room at once; beyond it they are refused.
pub const BODIES_WAITING_MAX: usize = 64;

/// Bytes of a PROXY header of version 1, its line end included.
pub const PROXY_LINE_BYTES_MAX: usize = 107;
/// Bytes of addresses and additions in a PROXY header of version 2.
pub const PROXY_BINARY_BYTES_MAX: usize = 1024;
/// Networks in a list of trusted proxies.
pub const TRUSTED_PROXIES_MAX: usize = 256;
