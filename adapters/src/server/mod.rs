//! HTTP: plain HTTP/1.1, because senders speak TLS with the proxy in front. `connections` takes connections and bounds
//! them, `routes` says what is where, `body` reads bodies within bounds, `answer` is the one table from outcomes to
//! HTTP.

mod answer;
mod body;
mod connections;
mod health;
mod refusal_log;
mod routes;

pub(crate) use body::Bodies;
pub(crate) use connections::{listen, serve};
pub(crate) use refusal_log::RefusalLog;
pub(crate) use routes::{App, router};
