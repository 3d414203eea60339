//! SQLite's result codes (<https://www.sqlite.org/rescode.html>).

use super::Fault;

/// Returns the side at fault for a result code; its low byte is the primary code.
pub fn of_sqlite(code: i64) -> Fault {
    match code & 0xff {
        // BUSY, LOCKED.
        5 | 6 => Fault::Again,
        // TOOBIG, CONSTRAINT, MISMATCH: the values do not fit.
        18..=20 => Fault::Document,
        // The disk, the file, its permissions, the memory, and MISUSE, which is a bug of the program.
        _ => Fault::Surroundings,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_that_do_not_fit_are_the_documents_fault() {
        for code in 0..=255 {
            let expected = match code {
                5 | 6 => Fault::Again,
                18..=20 => Fault::Document,
                _ => Fault::Surroundings,
            };
            assert_eq!(of_sqlite(code), expected, "{code}");
            assert_eq!(of_sqlite(code | (7 << 8)), expected, "{code}, refined");
        }
    }
}
