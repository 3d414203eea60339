//! The terminal while it is ours.

use anyhow::Context as _;
use ratatui::DefaultTerminal;

/// The terminal in raw mode, on its second screen. Dropped, it is as it was before; after a panic, too.
pub(super) struct Screen(DefaultTerminal);

impl Screen {
    /// Takes the terminal.
    pub(super) fn open() -> anyhow::Result<Self> {
        // Its panic hook restores the terminal before the panic is shown.
        Ok(Self(ratatui::try_init().context("the terminal cannot be used")?))
    }

    /// Returns the terminal to draw on.
    pub(super) fn get(&mut self) -> &mut DefaultTerminal {
        &mut self.0
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}
