//! Converts Postgres's error codes to errors of the state of record.

use apiary_executor_sdk::Fault;
use apiary_protocol::fault::of_sqlstate;

use super::error::RecordError;

/// Converts a SQLSTATE. The classifier decides the side at fault; this function adds the fitting advice.
pub(super) fn error(code: &str, message: &str) -> RecordError {
    let what = format!("{code}: {message}");
    match (of_sqlstate(code), code.get(..2).unwrap_or_default()) {
        (Fault::Again, _) => RecordError::Contended { code: code.to_owned() },
        // References, unique keys and exclusions depend on other rows, which may change.
        (Fault::Document, _) if matches!(code, "23503" | "23505" | "23P01") => {
            RecordError::Conflict { code: code.to_owned(), what: message.to_owned() }
        }
        (Fault::Document, _) => RecordError::Refused { code: code.to_owned(), what: message.to_owned() },
        (Fault::Surroundings, class) => match (code, class) {
            ("42501", _) => RecordError::Forbidden { what },
            // Wrong password, unknown role, or unknown database.
            ("22023", _) | (_, "28" | "3D") => RecordError::KeyRefused { what },
            // A function, table, column or schema is missing, or not of this version.
            (_, "42" | "3F") => RecordError::NotInstalled { what },
            // PostgREST lets a function set the HTTP status this way: ours raises it for a write that matched no row.
            ("PT409", _) => RecordError::Dropped { what },
            _ => RecordError::unavailable(what),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_gets_the_advice_that_fits() {
        for (code, advice) in [
            ("42501", "use the service-role key"),
            ("28P01", "check SUPABASE_SERVICE_ROLE_KEY"),
            ("3D000", "database in DATABASE_URL"),
            ("42P01", "apply deploy/supabase/migrations"),
            ("42883", "apply deploy/supabase/migrations"),
            ("23505", "look at the row"),
            ("22P05", "look at the event at Stripe"),
            ("23514", "look at the event at Stripe"),
            ("PT409", "trigger"),
            ("40001", "conflict with another transaction"),
            ("57P01", "is unavailable: "),
            ("P0001", "is unavailable: "),
        ] {
            let words = error(code, "text").to_string();
            assert!(words.contains(advice), "{code}: {words}");
            assert_eq!(error(code, "text").fault(), of_sqlstate(code), "{code}");
        }
    }
}
