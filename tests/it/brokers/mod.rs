//! `BrokerService`, and the services that every gRPC tool expects.

mod answers;
mod connect;
mod health;
mod readiness;
mod requests;
