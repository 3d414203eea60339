//! Passphrases: from the settings, or asked for at the terminal without showing what is typed.

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

/// The passphrase of an existing key; `what` names it to the person who is asked.
pub(crate) fn of_key(settings: &Settings, what: &str) -> anyhow::Result<SecretString> {
    match settings.secret(&table::KEY_PASSPHRASE) {
        Some(passphrase) => Ok(passphrase),
        None => ask(&format!("Passphrase of {}: ", plain(what))),
    }
}

/// A passphrase for a key that is being made: asked for twice.
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
    // Before it is asked for: what is typed at once must be neither shown nor dropped.
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

/// While it lives, the terminal does not show what is typed.
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
        // Nothing more can be done about a terminal that is gone.
        let _ = tcsetattr(&self.terminal, SetArg::TCSANOW, &self.before);
    }
}
