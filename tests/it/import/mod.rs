//! Import of an older queue's tasks.

mod colony_tasks;
mod hostile;
mod legacy;
