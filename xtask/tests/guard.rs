//! The private Postgres lives exactly as long as the pipe to its guard.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};

#[test]
fn a_private_postgres_is_gone_when_the_pipe_to_its_guard_closes() {
    let mut guard = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("guard-postgres")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(guard.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split(['@', '/']).find(|part| part.starts_with("127.0.0.1:")).expect(&line).to_owned();
    TcpStream::connect(&address).expect("it listens");

    drop(guard.stdin.take());
    assert!(guard.wait().unwrap().success());
    assert!(TcpStream::connect(&address).is_err(), "it listens no more at {address}");
}
