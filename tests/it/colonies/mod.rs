//! `ColonyService`.

mod create_colony;
mod get_colony;
mod get_guard;
mod get_health;
mod set_guard;
mod snapshot;
