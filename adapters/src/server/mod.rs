//! HTTP: plain HTTP/1.1, because senders speak TLS with the proxy in front. `connections` opens the port and bounds
//! its connections, `routes` says what is where, `body` reads bodies within bounds, `answer` is the one table from outcomes to
//! HTTP, `signatures` notices a source whose requests all fail.

mod answer;
mod body;
mod connections;
mod health;
mod metrics;
mod refusal_log;
mod routes;
mod signatures;

pub(crate) use body::WebhookBodies;
pub(crate) use connections::{door, listen};
pub(crate) use metrics::show;
pub(crate) use refusal_log::RefusalLog;
pub(crate) use routes::{App, router};
pub use signatures::SIGNATURES_REFUSED;
pub(crate) use signatures::remedy as remedy_of_signatures;
