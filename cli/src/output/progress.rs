//! The progress of a long command, on a terminal only.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Format;

/// Time between two drawings.
const TICK: Duration = Duration::from_millis(120);

/// A line on standard error that shows how far a command is; gone when this is dropped. Without a terminal there, and with JSON
/// output, there is none.
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    /// Shows what is done, and for how long.
    pub(crate) fn start(what: &'static str, format: Format) -> Self {
        if format == Format::Json || !io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(style("{spinner} {msg}, {elapsed}"));
        bar.set_message(what);
        bar.enable_steady_tick(TICK);
        Self(Some(bar))
    }

    /// Shows how much is done, and of how much if that is known.
    pub(crate) fn set(&self, done: u64, of: Option<u64>) {
        let Some(bar) = &self.0 else { return };
        match of {
            Some(of) => {
                bar.set_length(of);
                bar.set_style(style("{spinner} {msg} {wide_bar} {pos}/{len}, {elapsed}, {eta} left"));
            }
            None => bar.set_style(style("{spinner} {msg}: {pos}, {elapsed}")),
        }
        bar.set_position(done);
    }

    /// Prints a line above.
    pub(crate) fn note(&self, words: &str) {
        match &self.0 {
            Some(bar) => bar.suspend(|| super::note(words)),
            None => super::note(words),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Returns a style; the plain one if the template had a mistake.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_valid() {
        for template in [
            "{spinner} {msg}, {elapsed}",
            "{spinner} {msg}: {pos}, {elapsed}",
            "{msg} {wide_bar} {pos}/{len}, {eta} left",
        ] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn json_output_has_no_progress() {
        assert!(Progress::start("working", Format::Json).0.is_none());
    }
}
