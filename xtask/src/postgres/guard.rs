//! The process that runs the cluster. It lives exactly as long as its standard input is open: however the run ends,
//! even by `kill -9`, the pipe closes, and the cluster and its folder are removed a moment later.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::account::Account;
use super::binaries::Binaries;
use super::folder::{self, Folder};
use crate::children;

/// Longest time for the cluster's start.
const START: Duration = Duration::from_secs(60);
/// Longest time for the cluster's stop, before it is killed.
const STOP: Duration = Duration::from_secs(10);
/// Maximum number of connections: more than concurrent tests can use.
const CONNECTIONS_MAX: u32 = 300;
/// Number of ports to try: between the check and the start, another program may take one.
const PORTS_MAX: u32 = 4;
/// Interval of checks for the start or stop.
const PAUSE: Duration = Duration::from_millis(20);

/// Starts a cluster with these settings, prints its version and URL on one line, and runs it until standard input ends.
pub(crate) fn run(settings: &[String]) -> anyhow::Result<()> {
    let account = Account::choose()?;
    let installations = Binaries::find(account);
    let mut failure = None;
    for binaries in &installations {
        folder::clean_up_after_others(account, binaries);
        match start(account, binaries, settings) {
            Ok(server) => {
                let mut out = std::io::stdout();
                writeln!(out, "{} {}", binaries.version, server.url)?;
                out.flush()?;
                wait_for_the_end()?;
                return Ok(());
            }
            Err(error) => failure = Some(error.context(format!("Postgres {} does not start", binaries.version))),
        }
    }
    Err(failure.unwrap_or_else(|| anyhow::anyhow!("there is no Postgres")))
}

/// A running cluster. Dropping it stops it and removes its folder.
struct Server {
    postgres: Child,
    url: String,
    /// Removed after the server has stopped, because it is dropped later.
    _folder: Folder,
}

impl Drop for Server {
    fn drop(&mut self) {
        stop(&mut self.postgres);
    }
}

fn stop(postgres: &mut Child) {
    // SIGQUIT ends it at once, without a checkpoint: its data is deleted anyway.
    let pid = i32::try_from(postgres.id()).map(Pid::from_raw);
    if let Ok(pid) = pid {
        let _ = kill(pid, Signal::SIGQUIT);
    }
    let deadline = Instant::now() + STOP;
    while matches!(postgres.try_wait(), Ok(None)) {
        if Instant::now() > deadline {
            let _ = postgres.kill();
            let _ = postgres.wait();
        }
        thread::sleep(PAUSE);
    }
}

fn start(account: Account, binaries: &Binaries, settings: &[String]) -> anyhow::Result<Server> {
    let folder = Folder::make(account)?;
    let password = random_password()?;
    make_cluster(account, binaries, &folder, &password)?;
    for _ in 1..PORTS_MAX {
        match serve(account, binaries, &folder, &password, settings) {
            Ok((postgres, url)) => return Ok(Server { postgres, url, _folder: folder }),
            Err(error) => eprintln!("trying another port: {error:#}"),
        }
    }
    let (postgres, url) = serve(account, binaries, &folder, &password, settings)?;
    Ok(Server { postgres, url, _folder: folder })
}

/// Starts the server on a port that was free a moment ago, and waits until it is ready.
fn serve(
    account: Account,
    binaries: &Binaries,
    folder: &Folder,
    password: &str,
    settings: &[String],
) -> anyhow::Result<(Child, String)> {
    let port = free_port()?;
    let log = File::create(folder.log())?;
    let mut command = postgres(account, binaries, folder, port);
    for setting in settings {
        command.arg("-c").arg(setting);
    }
    let mut postgres = command.stdout(log.try_clone()?).stderr(log).spawn()?;
    if let Err(error) = wait_until_ready(&mut postgres, folder) {
        stop(&mut postgres);
        return Err(error);
    }
    Ok((postgres, format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres")))
}

fn make_cluster(account: Account, binaries: &Binaries, folder: &Folder, password: &str) -> anyhow::Result<()> {
    // In the sockets' folder, which only the account can enter.
    let password_file = folder.sockets().join("password");
    fs::write(&password_file, password)?;
    account.own(&password_file)?;
    children::output_of(
        account
            .command(&binaries.program("initdb"))
            .args(["--username=postgres", "--auth=password", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .arg("--pwfile")
            .arg(&password_file)
            .arg("--pgdata")
            .arg(folder.data()),
    )?;
    fs::remove_file(password_file)?;
    Ok(())
}

/// Returns the server's command, with durability as in production unless a setting says otherwise: `fsync` and
/// `synchronous_commit` stay on.
fn postgres(account: Account, binaries: &Binaries, folder: &Folder, port: u16) -> Command {
    let mut command = account.command(&binaries.program("postgres"));
    command.stdin(Stdio::null()).arg("-D").arg(folder.data());
    for setting in [
        format!("port={port}"),
        "listen_addresses=127.0.0.1".to_owned(),
        format!("unix_socket_directories={}", folder.sockets().display()),
        format!("max_connections={CONNECTIONS_MAX}"),
        "log_min_messages=fatal".to_owned(),
    ] {
        command.arg("-c").arg(setting);
    }
    command
}

fn wait_until_ready(postgres: &mut Child, folder: &Folder) -> anyhow::Result<()> {
    let deadline = Instant::now() + START;
    let pid_file = folder.data().join("postmaster.pid");
    loop {
        // The eighth line is the server's status.
        let content = fs::read_to_string(&pid_file).unwrap_or_default();
        if content.lines().nth(7).is_some_and(|status| status.trim() == "ready") {
            return Ok(());
        }
        let over = postgres.try_wait()?.is_some();
        if over || Instant::now() > deadline {
            let log = fs::read_to_string(folder.log()).unwrap_or_default();
            bail!("{}:\n{log}", if over { "it ended at once" } else { "it took too long" });
        }
        thread::sleep(PAUSE);
    }
}

/// Waits until the parent process has ended, or for a signal to stop.
fn wait_for_the_end() -> anyhow::Result<()> {
    let (end, ended) = mpsc::sync_channel(1);
    let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let other_end = end.clone();
    thread::spawn(move || {
        signals.forever().next();
        let _ = other_end.try_send(());
    });
    thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = end.try_send(());
    });
    ended.recv().context("both ends of the wait are gone")
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Returns 128 bits from the system, in hexadecimal: other accounts of the machine must not get in.
fn random_password() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
