//! HTTP: plain HTTP/1.1, because senders speak TLS with the proxy in front. `connections` opens the port and bounds
//! its connections, `routes` says what is where, `body` reads bodies within bounds, `answer` is the one table from outcomes to
//! HTTP.

mod answer;
mod body;
mod connections;
mod health;
mod refusal_log;
mod routes;

pub(crate) use body::WebhookBodies;
pub(crate) use connections::{door, listen};
pub(crate) use refusal_log::RefusalLog;
pub(crate) use routes::{App, router};
