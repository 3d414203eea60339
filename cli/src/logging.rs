//! The log on standard error, including panics.

use std::sync::{Mutex, PoisonError};

use tracing::Level;
use tracing_subscriber::EnvFilter;

use crate::journal::{Prioritised, is_journal};
use crate::output::{Stderr, note};
use crate::settings::{Settings, table};

const LEVELS: [Level; 5] = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];

/// The log, after its start.
pub(crate) struct Log {
    /// Level if the settings name none.
    default: Level,
    verbose: u8,
    quiet: u8,
    /// The filter in effect.
    directives: Mutex<String>,
    /// Installs another filter; returns false on failure.
    replace: Box<dyn Fn(EnvFilter) -> bool + Send + Sync>,
}

impl Log {
    /// Applies the level of these settings; returns true if it changed.
    pub(crate) fn follow(&self, settings: &Settings) -> bool {
        let wanted = directives(settings, self.default, self.verbose, self.quiet);
        // No code that can panic runs under the lock.
        let mut directives = self.directives.lock().unwrap_or_else(PoisonError::into_inner);
        if *directives == wanted || !(self.replace)(EnvFilter::new(&wanted)) {
            return false;
        }
        *directives = wanted;
        drop(directives);
        // Not through the log, whose level may exclude the message.
        note(&format!("SIGHUP: the log's level is {} now", level(settings, self.default).as_str().to_lowercase()));
        true
    }
}

/// Starts the log. `default` is the level if the settings name none; each `-v` is one more, each `-q` one less.
pub(crate) fn start(settings: &Settings, default: Level, verbose: u8, quiet: u8) -> Log {
    let directives = directives(settings, default, verbose, quiet);
    // Its messages about its own errors would bypass the stream that never blocks.
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&directives))
        .log_internal_errors(false)
        .with_writer(|| Stderr);
    let has_priorities = is_journal();
    // An error means that a log was started before, as in tests; that one is used then.
    let replace: Box<dyn Fn(EnvFilter) -> bool + Send + Sync> = match settings.text(&table::LOG_FORMAT) {
        Some("json") => {
            let subscriber = subscriber.json().flatten_event(true);
            let subscriber = subscriber.map_event_format(|format| Prioritised { format, has_priorities });
            let subscriber = subscriber.with_filter_reloading();
            let handle = subscriber.reload_handle();
            let _ = subscriber.try_init();
            Box::new(move |filter| handle.reload(filter).is_ok())
        }
        _ => {
            let subscriber = subscriber.with_ansi(is_coloured()).with_target(false);
            let subscriber = subscriber.map_event_format(|format| Prioritised { format, has_priorities });
            let subscriber = subscriber.with_filter_reloading();
            let handle = subscriber.reload_handle();
            let _ = subscriber.try_init();
            Box::new(move |filter| handle.reload(filter).is_ok())
        }
    };
    apiary_daemon::log_panics();
    Log { default, verbose, quiet, directives: Mutex::new(directives), replace }
}

/// Builds the filter's directives from the settings and flags.
fn directives(settings: &Settings, default: Level, verbose: u8, quiet: u8) -> String {
    let level = shifted(level(settings, default), verbose, quiet);
    // The activity lines of `apiary up` are no warnings, and are shown at the default level all the same.
    let activity = shifted(self::level(settings, Level::INFO), verbose, quiet);
    // Libraries are logged from one level further down: their "info" is our "debug".
    let under = shifted(level, 0, 1);
    // A client can make the HTTP/2 library warn without limit.
    format!(
        "{under},apiary={level},apiary_broker={level},apiary_executor_sdk={level},apiary_bees={level},\
         apiary_adapters={level},apiary_identity={level},apiary::up::activity={activity},sqlx=warn,h2=error"
    )
}

/// Returns the level of the settings.
fn level(settings: &Settings, default: Level) -> Level {
    settings.text(&table::LOG_LEVEL).and_then(|word| word.parse().ok()).unwrap_or(default)
}

fn shifted(level: Level, verbose: u8, quiet: u8) -> Level {
    let place = LEVELS.iter().position(|known| *known == level).unwrap_or(1);
    let place = (place + usize::from(verbose)).saturating_sub(usize::from(quiet));
    LEVELS[place.min(LEVELS.len() - 1)]
}

fn is_coloured() -> bool {
    !matches!(anstream::AutoStream::choice(&std::io::stderr()), anstream::ColorChoice::Never)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_move_up_and_down_and_stop_at_their_ends() {
        assert_eq!(shifted(Level::WARN, 0, 0), Level::WARN);
        assert_eq!(shifted(Level::WARN, 2, 0), Level::DEBUG);
        assert_eq!(shifted(Level::WARN, 9, 0), Level::TRACE);
        assert_eq!(shifted(Level::WARN, 0, 9), Level::ERROR);
    }
}
