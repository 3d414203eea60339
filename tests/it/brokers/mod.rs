//! `BrokerService`, and what every gRPC tool expects of a server.

mod answers;
mod connect;
mod health;
mod readiness;
