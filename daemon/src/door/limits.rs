//! Fixed bounds of a door, in one place.

use std::time::Duration;

/// Headers of one HTTP/1 request; more is answered 431.
pub const HEADERS_MAX: usize = 64;
/// Smallest buffer with which the library reads HTTP/1 heads.
pub const HTTP1_BUFFER_BYTES_MIN: usize = 8192;
/// Bytes read from one connection before the others have their turn.
pub const TURN_BYTES_MAX: u64 = 8 * 1024;
/// Bytes that one HTTP/2 stream may send ahead of its reader.
pub const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// Bytes that all streams of one HTTP/2 connection may send ahead of their readers. The library bounds small frames by
/// half of it: a smaller window would end connections that begin the maximum number of calls at once.
pub const CONNECTION_WINDOW_BYTES: u32 = 512 * 1024;
/// Bytes that one HTTP/2 stream may have written ahead of its client.
pub const SEND_BUFFER_BYTES_MAX: usize = 64 * 1024;
/// Streams that an HTTP/2 client may reset before they are accepted; beyond it the connection ends.
pub const RESET_STREAMS_MAX: usize = 20;
/// Calls of unlimited duration on one HTTP/2 connection; the other streams are left for short calls.
pub const LONG_CALLS_OF_CONNECTION_MAX: usize = 960;
/// Calls in progress on one HTTP/2 connection.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 1024;

/// Connections that may wait to be accepted; the system may allow fewer (`net.core.somaxconn`). Beyond it they are
/// dropped, and clients retry only after seconds.
pub const ACCEPT_QUEUE_MAX: u32 = 4096;
/// Interval of pings on an idle HTTP/2 connection, and the longest wait for the answer.
pub const KEEPALIVE: Duration = Duration::from_secs(20);
/// Longest time for the graceful shutdown of a connection.
pub const CLOSE_TIME_MAX: Duration = Duration::from_secs(5);
/// Pause after a connection could not be accepted, usually for want of file descriptors.
pub const PAUSE_AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(50);
/// Idle time after which a known client's connection may be closed to make room.
pub const KNOWN_IDLE_MIN: Duration = Duration::from_secs(10);
/// Time that a stranger's connection has for its first or next request before it counts as silent or idle. When younger
/// connections must be closed, the door accepts the next one a little later.
pub const STAY_MIN: Duration = Duration::from_secs(1);
/// The pause before accepting then.
pub const PAUSE_AFTER_EARLY_CUT: Duration = Duration::from_millis(2);
/// Shortest interval between reports of closed and refused connections.
pub const REFUSALS_LOGGED_EVERY: Duration = Duration::from_secs(60);

/// Bytes counted for a request in progress beside its headers: its stream and its task.
pub const REQUEST_BYTES: usize = 8 * 1024;
/// Bytes of strangers' requests in progress from one peer: as many as one connection carries with usual headers.
pub const PEER_REQUESTS_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Bytes of requests in progress of all strangers together.
pub const REQUESTS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Requests of strangers that may wait for their first or last turn. Beyond it, connections that bring many requests
/// wait, too.
pub const REQUESTS_QUEUED_MAX: usize = 256;
/// Pause of such a connection before the next check.
pub const PAUSE_IN_CROWD: Duration = Duration::from_millis(2);
/// Refused requests after which a stranger's connection is closed.
pub const REFUSED_REQUESTS_MAX: u32 = 100;
/// Bytes of one block of a body.
pub const BLOCK_BYTES: usize = 16 * 1024;
/// Age below which an incomplete body is not displaced by a large one.
pub const BODY_GRACE: Duration = Duration::from_millis(500);
/// Longest wait of a body for memory before it is refused.
pub const ROOM_WAIT_MAX: Duration = Duration::from_secs(2);
/// Delay of the answer that there was no memory, to slow down clients that retry at once.
pub const REFUSAL_PAUSE: Duration = Duration::from_millis(250);
/// Answers delayed at the same time.
pub const REFUSALS_HELD_MAX: usize = 256;
/// Interval at which a waiting body checks for memory without a notification.
pub const ROOM_LOOK: Duration = Duration::from_millis(50);
/// Bodies that wait for memory at the same time; beyond it they are refused.
pub const BODIES_WAITING_MAX: usize = 64;

/// Bytes of a PROXY header of version 1, its line end included.
pub const PROXY_LINE_BYTES_MAX: usize = 107;
/// Bytes of addresses and additions in a PROXY header of version 2.
pub const PROXY_BINARY_BYTES_MAX: usize = 1024;
/// Characters of a request's id that a client chose; a longer one is replaced.
pub const REQUEST_ID_CHARS_MAX: usize = 64;
/// Networks in a list of trusted proxies.
pub const TRUSTED_PROXIES_MAX: usize = 256;
