//! `ColonyService`.

mod create_colony;
mod get_colony;
mod get_health;
