//! Settings: their names, kinds and values.
//!
//! A bee or a source of webhooks declares its settings as [`Setting`]s, next to the code that reads them. The program collects
//! them in one table, reads the file, the environment and the flags by it, and hands over the [`Values`]. So no part knows where a
//! value came from, and the program knows no part's settings by name.

mod duration;
mod error;
mod setting;
mod value;
mod values;

pub use duration::duration;
pub use error::SettingError;
pub use setting::Setting;
pub use value::{Kind, Value};
pub use values::{Origin, Values};
