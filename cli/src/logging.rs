//! The log: on standard error, as much as the settings say; panics, too.

use tracing::Level;
use tracing_subscriber::EnvFilter;

use crate::output::Stderr;
use crate::settings::{Settings, table};

const LEVELS: [Level; 5] = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];

/// Starts the log. `default` is the level if the settings name none; each `-v` is one more, each `-q` one less.
pub(crate) fn start(settings: &Settings, default: Level, verbose: u8, quiet: u8) {
    let level = settings.text(&table::LOG_LEVEL).and_then(|word| word.parse().ok()).unwrap_or(default);
    let level = shifted(level, verbose, quiet);
    // What `apiary up` tells of its processes is not a warning, and is told all the same.
    let activity = settings.text(&table::LOG_LEVEL).and_then(|word| word.parse().ok()).unwrap_or(Level::INFO);
    let activity = shifted(activity, verbose, quiet);
    // What lies under us is told from one level further down: their "info" is our "debug".
    let under = shifted(level, 0, 1);
    // A client can make the HTTP/2 library warn without end.
    let filter = EnvFilter::new(format!(
        "{under},apiary={level},apiary_broker={level},apiary_executor_sdk={level},apiary_bees={level},\
         apiary_adapters={level},apiary_identity={level},apiary::up::activity={activity},sqlx=warn,h2=error"
    ));
    // Its complaints about its own troubles would go to standard error past what keeps that harmless.
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false).with_writer(|| Stderr);
    // An error means that a log was started before, as in tests: then that one is used.
    let _ = match settings.text(&table::LOG_FORMAT) {
        Some("json") => subscriber.json().flatten_event(true).try_init(),
        _ => subscriber.with_ansi(is_coloured()).with_target(false).try_init(),
    };
    apiary_daemon::log_panics();
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
