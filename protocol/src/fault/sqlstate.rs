//! Postgres's error codes (PostgreSQL's manual, appendix A), the same over the wire and through PostgREST.

use super::Fault;

/// Returns the side at fault for a SQLSTATE.
pub fn of_sqlstate(code: &str) -> Fault {
    match code {
        // A lock that was not free, an object in use.
        "55P03" | "55006" => Fault::Again,
        // PostgREST's code for a missing role, and Postgres's for an exhausted sequence. Neither is about a value,
        // although class 22 is.
        "22023" | "2200H" => Fault::Surroundings,
        // A row, index entry or value that is too large or nested too deep for Postgres. The statements never change,
        // so that the document is the cause. The rest of the class is about tables and functions.
        "54000" | "54001" => Fault::Document,
        _ if code.len() != 5 || !code.is_ascii() => Fault::Surroundings,
        _ => match code.get(..2) {
            // Serialization failures and deadlocks.
            Some("40") => Fault::Again,
            // Values that cannot be stored, and constraints that the row violates, including those of a view.
            Some("22" | "23" | "44") => Fault::Document,
            // Connections, rights, schema, syntax, resources, limits, operator intervention, system errors, exceptions
            // from triggers without a code of their own, and codes of later Postgres versions.
            _ => Fault::Surroundings,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every class of the manual's appendix A, and those of PostgREST and of extensions.
    const CLASSES: [&str; 48] = [
        "00", "01", "02", "03", "08", "09", "0A", "0B", "0F", "0L", "0P", "0Z", "20", "21", "22", "23", "24", "25",
        "26", "27", "28", "2B", "2D", "2F", "34", "38", "39", "3B", "3D", "3F", "40", "42", "44", "53", "54", "55",
        "57", "58", "72", "F0", "HV", "P0", "PT", "XX", "ZZ", "99", "--", "  ",
    ];

    #[test]
    fn only_values_and_constraints_are_the_documents_fault_and_only_conflicts_are_tried_again() {
        for class in CLASSES {
            let expected = match class {
                "22" | "23" | "44" => Fault::Document,
                "40" => Fault::Again,
                _ => Fault::Surroundings,
            };
            for rest in ["000", "001", "P01", "999"] {
                let code = format!("{class}{rest}");
                if matches!(code.as_str(), "54000" | "54001") {
                    continue;
                }
                assert_eq!(of_sqlstate(&code), expected, "{code}");
            }
        }
    }

    #[test]
    fn codes_that_their_class_does_not_tell_have_rows_of_their_own() {
        for (code, expected) in [
            ("22P02", Fault::Document),
            ("22P05", Fault::Document),
            ("22003", Fault::Document),
            ("22021", Fault::Document),
            ("23502", Fault::Document),
            ("23503", Fault::Document),
            ("23505", Fault::Document),
            ("23514", Fault::Document),
            ("22023", Fault::Surroundings),
            ("2200H", Fault::Surroundings),
            ("40001", Fault::Again),
            ("40P01", Fault::Again),
            ("55P03", Fault::Again),
            ("25006", Fault::Surroundings),
            ("28P01", Fault::Surroundings),
            ("42501", Fault::Surroundings),
            ("42703", Fault::Surroundings),
            ("42P01", Fault::Surroundings),
            ("53100", Fault::Surroundings),
            ("54000", Fault::Document),
            ("54001", Fault::Document),
            ("54011", Fault::Surroundings),
            ("54023", Fault::Surroundings),
            ("57014", Fault::Surroundings),
            ("P0001", Fault::Surroundings),
            ("PT409", Fault::Surroundings),
        ] {
            assert_eq!(of_sqlstate(code), expected, "{code}");
        }
        for code in ["", "2", "22", "22P0", "22P022", "öö", "PGRST301", "22\u{e9}0"] {
            assert_eq!(of_sqlstate(code), Fault::Surroundings, "{code:?}");
        }
    }
}
