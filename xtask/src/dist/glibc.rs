//! The oldest glibc on which a program runs.

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::children;

/// A version of glibc, compared by numbers: 2.34 is newer than 2.9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    major: u32,
    minor: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A mark that the loader must support, and the first glibc that does.
const RELATIVE_RELOCATIONS: (&str, Version) = ("GLIBC_ABI_DT_RELR", Version { major: 2, minor: 36 });

/// Returns the version that the program needs; `None` if it is not linked with glibc.
pub(super) fn needed_by(binary: &Path) -> anyhow::Result<Option<Version>> {
    let mut readelf = Command::new("readelf");
    readelf.args(["--version-info", "--wide"]).arg(binary).env("LC_ALL", "C");
    let listing = children::output_of(&mut readelf).context("install binutils, which has readelf")?;
    Ok(highest(&listing))
}

/// Returns the highest version in readelf's list of needed versions. Weak ones are ignored, because the loader
/// continues without them.
pub(super) fn highest(listing: &str) -> Option<Version> {
    let needed = listing.lines().filter(|line| !line.contains("WEAK")).filter_map(|line| {
        let name = line.split_once("Name: ")?.1.split_whitespace().next()?;
        if name == RELATIVE_RELOCATIONS.0 {
            return Some(RELATIVE_RELOCATIONS.1);
        }
        let mut numbers = name.strip_prefix("GLIBC_")?.split('.').map(str::parse);
        Some(Version { major: numbers.next()?.ok()?, minor: numbers.next()?.ok()? })
    });
    needed.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "\
  008:   2 (GLIBC_2.38)   3 (GLIBC_2.2.5)
Version needs section '.gnu.version_r' contains 3 entries:
  000000: Version: 1  File: libgcc_s.so.1  Cnt: 2
  0x0010:   Name: GCC_4.2.0  Flags: none  Version: 24
  0x0060:   Name: GLIBC_2.9  Flags: none  Version: 15
  0x0070:   Name: GLIBC_2.34  Flags: none  Version: 2
  0x0080:   Name: GLIBC_2.2.5  Flags: none  Version: 3
  0x0090:   Name: GLIBC_2.39  Flags: WEAK  Version: 4
";

    #[test]
    fn the_newest_version_that_is_needed_counts() {
        assert_eq!(highest(LISTING), Some(Version { major: 2, minor: 34 }));
        let relocations = format!("{LISTING}  0x00a0:   Name: GLIBC_ABI_DT_RELR  Flags: none  Version: 5\n");
        assert_eq!(highest(&relocations), Some(Version { major: 2, minor: 36 }));
    }

    #[test]
    fn a_static_program_needs_none() {
        assert_eq!(highest("No version information found in this file.\n"), None);
    }
}
