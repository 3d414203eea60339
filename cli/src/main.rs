//! `apiary`: the program is the library of this crate.

use std::process::ExitCode;

fn main() -> ExitCode {
    apiary::main()
}
