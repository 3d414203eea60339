//! An older queue's tasks, brought over.

mod colony_tasks;
mod hostile;
mod legacy;
