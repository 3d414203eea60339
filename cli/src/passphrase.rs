//! Reads passphrases: from the settings, or at the terminal without echo.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};

use anyhow::Context as _;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::exit::Fault;
use crate::output::plain;
use crate::settings::{Settings, table};

/// Bytes of a passphrase.
const BYTES_MAX: u64 = 4096;

/// Returns the passphrase of an existing key; `what` names the key in the prompt.
pub(crate) fn of_key(settings: &Settings, what: &str) -> anyhow::Result<SecretString> {
    match settings.secret(&table::KEY_PASSPHRASE) {
        Some(passphrase) => Ok(passphrase),
        None => ask(&format!("Passphrase of {}: ", plain(what))),
    }
}

/// Returns the passphrase for a new key, which is asked for twice.
pub(crate) fn chosen(settings: &Settings, what: &str) -> anyhow::Result<SecretString> {
    if let Some(passphrase) = settings.secret(&table::KEY_PASSPHRASE) {
        return Ok(passphrase);
    }
    let first = ask(&format!("A passphrase for {}: ", plain(what)))?;
    let again = ask("The same again: ")?;
    if first.expose_secret() != again.expose_secret() {
        return Err(Fault::usage("the two passphrases differ: nothing was written").into());
    }
    Ok(first)
}

fn ask(prompt: &str) -> anyhow::Result<SecretString> {
    let none = || Fault::usage("a passphrase is needed, and there is no terminal to ask at: set APIARY_KEY_PASSPHRASE");
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(|_| none())?;
    // Before the prompt: characters typed at once must be neither shown nor dropped.
    let silence = Silence::begin(&terminal).map_err(|_| none())?;
    write!(terminal, "{prompt}").context("the terminal")?;
    let mut line = Zeroizing::new(String::new());
    let read = BufReader::new((&terminal).take(BYTES_MAX)).read_line(&mut line);
    drop(silence);
    writeln!(terminal).context("the terminal")?;
    read.context("the terminal")?;
    let passphrase = line.trim_end_matches(['\r', '\n']);
    if passphrase.is_empty() {
        return Err(Fault::usage("the passphrase is empty").into());
    }
    Ok(SecretString::from(passphrase))
}

/// A guard that disables the terminal's echo while it exists.
struct Silence {
    terminal: File,
    before: Termios,
}

impl Silence {
    fn begin(terminal: &File) -> anyhow::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(terminal, SetArg::TCSAFLUSH, &silent)?;
        Ok(Self { terminal: terminal.try_clone()?, before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // The terminal may be gone; there is nothing else to do about it.
        let _ = tcsetattr(&self.terminal, SetArg::TCSANOW, &self.before);
    }
}
