//! Ports reserved for a test, also while nothing listens there: a server that is started again, or that another program
//! starts, must find its port free.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up its subject must fail at once")]

use std::fs::{DirBuilder, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt as _;

/// Range below the ports that the system assigns to outgoing connections and to port 0, so that none is assigned by
/// chance.
const PORTS: Range<u16> = 20_000..32_000;

/// A port of 127.0.0.1 that no other test gets while this lives, in this process or in another.
pub struct Port {
    number: u16,
    /// The lock, which the system releases when the process ends.
    _lock: File,
}

impl Port {
    /// Reserves a port.
    pub fn take() -> Self {
        let folder = std::env::temp_dir().join(format!("apiary-test-ports-{}", nix::unistd::geteuid()));
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).unwrap();
        // Not seeded: the lock decides, and the draw only keeps many tests from trying the same ports in turn.
        let first = rand::random_range(PORTS);
        for number in (first..PORTS.end).chain(PORTS.start..first) {
            let lock = File::options().create(true).append(true).open(folder.join(number.to_string())).unwrap();
            // Programs other than tests do not use the locks, and may listen there.
            if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Self { number, _lock: lock };
            }
        }
        panic!("no port in {PORTS:?} is free")
    }

    /// Returns the address, to listen on, or for clients to find no server at.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }
}
