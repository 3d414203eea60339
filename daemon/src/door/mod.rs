//! The door of a long-running part: accepts connections, and bounds them and the bodies of their requests in total and
//! per peer. At a bound, strangers are closed first, so that load without a known signature shuts out nobody else.

mod blocks;
mod bodies;
mod call_metrics;
mod calls;
mod connections;
pub mod limits;
mod pace;
mod peer;
mod proxy_protocol;
mod request_id;
mod requests;
mod serve;

pub use blocks::Blocks;
pub use bodies::{Bodies, BodyBounds, BodyError, BodyHold, BodyLimits, HeldBody, Share};
pub use call_metrics::{CallMetrics, CallNames};
pub use calls::{CallService, Calls, CurrentCall, call_span, count_refusal, current_peer, identify_caller};
pub use connections::{Connection, ConnectionLimits, Connections};
pub(crate) use peer::is_forwarded;
pub use peer::{Peer, TrustedProxies};
pub use request_id::RequestId;
pub use requests::RequestRoom;
pub use serve::{Door, Handshake, HttpLimits, Listener, Stream, bind};
