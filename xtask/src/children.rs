//! Child processes that end with this program: each in a process group of its own, so that stopping `cargo test` also
//! stops the tests that it started, and the brokers that those started.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Time between SIGTERM and SIGKILL for a process group.
const GRACE: Duration = Duration::from_secs(10);

/// The signal that stopped this program, or 0.
static STOPPED_BY: AtomicI32 = AtomicI32::new(0);

/// The running process groups.
static GROUPS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// The error after a signal to stop; holds the signal.
#[derive(Debug)]
pub(crate) struct InterruptError(pub(crate) i32);

impl std::fmt::Display for InterruptError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "stopped by signal {}", self.0)
    }
}

impl std::error::Error for InterruptError {}

/// Passes SIGINT, SIGTERM and SIGHUP on to the running children (a second one kills them). Waits for a child then
/// return [`InterruptError`], so that everything is cleaned up in order.
pub(crate) fn pass_signals_on() -> anyhow::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    thread::spawn(move || {
        for signal in signals.forever() {
            let first = STOPPED_BY.swap(signal, Ordering::SeqCst) == 0;
            for group in groups().iter() {
                // An error means that the group is gone already.
                let _ = killpg(*group, if first { Signal::SIGTERM } else { Signal::SIGKILL });
            }
        }
    });
    Ok(())
}

/// Fails with [`InterruptError`] after a signal to stop.
pub(crate) fn go_on() -> anyhow::Result<()> {
    match STOPPED_BY.load(Ordering::SeqCst) {
        0 => Ok(()),
        signal => Err(InterruptError(signal).into()),
    }
}

/// Runs a command to its end, with this program's output.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<ExitStatus> {
    let mut child = spawn(command)?;
    end(&mut child, &name_of(command))
}

/// Runs a command to its end, and copies its standard output to this program's and, line by line, to `each_line`.
pub(crate) fn run_and_read(command: &mut Command, each_line: impl FnMut(&str) + Send) -> anyhow::Result<ExitStatus> {
    let name = name_of(command);
    let mut child = spawn(command.stdout(Stdio::piped()))?;
    let output = child.stdout.take().context("the output was asked for")?;
    thread::scope(|scope| {
        let reader = scope.spawn(move || copy_lines(output, each_line));
        // `end` also ends the child's descendants, which could hold the pipe open. So the reader's join below returns.
        let ended = end(&mut child, &name);
        reader.join().map_err(|_| anyhow::anyhow!("the reader of {name}'s output panicked"))??;
        ended
    })
}

/// Runs a command and returns its standard output; a failure has its standard error.
pub(crate) fn output_of(command: &mut Command) -> anyhow::Result<String> {
    let name = name_of(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {name}"))?;
    go_on()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{name} failed ({}): {}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn spawn(command: &mut Command) -> anyhow::Result<Child> {
    go_on()?;
    let name = name_of(command);
    command.stdin(Stdio::null()).process_group(0);
    // Locked across the start, so that a signal at this moment finds the group in the list.
    let mut groups = groups();
    let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
    groups.push(group_of(&child)?);
    Ok(child)
}

fn end(child: &mut Child, name: &str) -> anyhow::Result<ExitStatus> {
    let group = group_of(child)?;
    let status = child.wait().with_context(|| format!("cannot wait for {name}"))?;
    end_group(group);
    groups().retain(|running| *running != group);
    go_on()?;
    Ok(status)
}

/// Ends the processes that the child left behind.
fn end_group(group: Pid) {
    let deadline = Instant::now() + GRACE;
    let mut signal = Signal::SIGTERM;
    while killpg(group, signal).is_ok() {
        thread::sleep(Duration::from_millis(20));
        if Instant::now() > deadline {
            signal = Signal::SIGKILL;
        }
    }
}

fn copy_lines(output: impl Read, mut each_line: impl FnMut(&str)) -> anyhow::Result<()> {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line)? > 0 {
        std::io::stdout().write_all(&line)?;
        each_line(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(())
}

fn groups() -> std::sync::MutexGuard<'static, Vec<Pid>> {
    // Valid after a panic: a list of numbers cannot be half-changed.
    GROUPS.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn group_of(child: &Child) -> anyhow::Result<Pid> {
    Ok(Pid::from_raw(i32::try_from(child.id())?))
}

fn name_of(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
