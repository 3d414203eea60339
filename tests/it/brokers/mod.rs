//! `BrokerService`, and what every gRPC tool expects of a server.

mod connect;
mod health;
