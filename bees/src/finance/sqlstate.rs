//! Postgres's error codes, which come the same way by the wire and by PostgREST.

use super::error::RecordError;

/// What a SQLSTATE means for the caller; `None` for those that say nothing by themselves.
///
/// Codes: PostgreSQL documentation, appendix A. `PT…` is PostgREST's way for a function to set the HTTP
/// status; our function raises PT409 for a write that matched nothing.
pub(super) fn error(code: &str, message: &str) -> Option<RecordError> {
    let what = || message.to_owned();
    let code_and_what = || format!("{code}: {message}");
    Some(match code {
        "42501" => RecordError::Forbidden { what: code_and_what() },
        // undefined_function, undefined_table, undefined_column, invalid_schema_name
        "42883" | "42P01" | "42703" | "3F000" => RecordError::NotInstalled { what: code_and_what() },
        "23505" | "23503" | "PT409" => RecordError::Conflict { code: code.to_owned(), what: what() },
        // serialization_failure, deadlock_detected, lock_not_available
        "40001" | "40P01" | "55P03" => RecordError::Contended { code: code.to_owned() },
        // The database was switched to a standby that is not promoted yet; a statement was cancelled.
        "25006" | "57014" => RecordError::unavailable(code_and_what()),
        _ => match code.get(..2)? {
            // Bad password, unknown role; unknown database.
            "28" | "3D" => RecordError::KeyRefused { what: code_and_what() },
            // Connection, resources, limits, operator intervention, system, internal.
            "08" | "53" | "54" | "57" | "58" | "XX" => RecordError::unavailable(code_and_what()),
            "40" => RecordError::Contended { code: code.to_owned() },
            // Data that cannot be stored, constraints, syntax.
            "22" | "23" | "42" => RecordError::Refused { code: code.to_owned(), what: what() },
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_pass_by_themselves_are_retried_and_others_are_not() {
        for code in ["40001", "40P01", "08006", "53300", "57P01", "57014", "25006", "XX000"] {
            assert!(error(code, "text").is_some_and(|error| error.is_retryable()), "{code}");
        }
        for code in ["23505", "23503", "42501", "42883", "28P01", "3D000", "22P05", "23514", "PT409"] {
            assert!(error(code, "text").is_some_and(|error| !error.is_retryable()), "{code}");
        }
    }

    #[test]
    fn what_says_nothing_is_left_to_the_caller() {
        for code in ["", "P", "P0001", "PGRST301", "SUP", "öö"] {
            assert!(error(code, "text").is_none(), "{code}");
        }
    }
}
