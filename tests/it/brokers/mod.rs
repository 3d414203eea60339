//! `BrokerService`, and the services that every gRPC tool expects.

mod answers;
mod connect;
mod deaf;
mod health;
mod metrics;
mod peers;
mod readiness;
mod requests;
