//! A row of the outbox, and its spec.

use std::time::Duration;

use apiary_identity::{Content, Id, Spec};
use jiff::Timestamp;
use uuid::Uuid;

use super::functions::AllowedFunctions;
use crate::limits::{OUTBOX_ARGS_BYTES_MAX, OUTBOX_KEY_BYTES_MAX, REFUSAL_CHARS_MAX};

/// Label of the row's id.
const LABEL: &str = "outbox_id";
/// Time limit for an attempt.
const MAX_EXEC: Duration = Duration::from_secs(300);

/// A waiting row, as the database has it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) uid: String,
    pub(super) function: String,
    pub(super) executor_type: Option<String>,
    pub(super) key: Option<String>,
    pub(super) priority: i32,
    /// Bytes of the arguments.
    pub(super) bytes: usize,
    /// The arguments, as JSON; `None` if they are too long.
    pub(super) args: Option<String>,
}

/// The outcome for a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) id: i64,
    /// The process, or the reason why there is none.
    pub(super) outcome: Result<Uuid, Problem>,
}

/// The reason why a row is no process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) text: String,
    /// True if the row is tried again by itself: the reason may pass.
    pub(super) may_pass: bool,
}

impl Mark {
    /// Makes the mark of a refused row. The reason may quote the row: control characters are left out.
    pub(super) fn refused(id: i64, reason: &str, may_pass: bool) -> Self {
        let text = reason.chars().filter(|c| !c.is_control()).take(REFUSAL_CHARS_MAX).collect();
        Self { id, outcome: Err(Problem { text, may_pass }) }
    }
}

impl Row {
    /// Makes the spec of the row, if it is one that rows may ask for.
    ///
    /// # Errors
    ///
    /// Says why the row is refused for good.
    pub(super) fn spec(
        &self,
        allowed: &AllowedFunctions,
        database: &str,
        colony: Id,
        now: Timestamp,
    ) -> Result<Spec, String> {
        let (own, function) = (self.executor_type.as_deref(), self.function.as_str());
        let executor_type = allowed.executor_type(own, function).ok_or_else(|| {
            let asked = own.map(|own| format!("{own}/")).unwrap_or_default();
            format!("`webhook.outbox_functions` of the adapter allows no {:?}", format!("{asked}{function}"))
        })?;
        let args = self.args.as_ref().filter(|args| args.len() <= OUTBOX_ARGS_BYTES_MAX);
        let args = args.ok_or_else(|| {
            format!(
                "the arguments have {} bytes, the most is {OUTBOX_ARGS_BYTES_MAX}: store them and pass their id",
                self.bytes
            )
        })?;
        let mut spec = Spec::new(colony, executor_type, function, now).with_args(Content::from_bytes(args.as_bytes()));
        spec.idempotency_key = Some(self.idempotency_key(database)?);
        spec.labels.insert(LABEL.to_owned(), self.id.to_string());
        spec.priority = self.priority;
        spec.max_exec_ms = i64::try_from(MAX_EXEC.as_millis()).unwrap_or(i64::MAX);
        Ok(spec)
    }

    /// Returns the key under which the row is one process, however often it is submitted. The user's own key stands
    /// behind a prefix: no row may take the place of another source's event.
    fn idempotency_key(&self, database: &str) -> Result<String, String> {
        match &self.key {
            Some(key) if key.is_empty() || key.len() > OUTBOX_KEY_BYTES_MAX => {
                Err(format!("the key has {} bytes or more: it has 1 to {OUTBOX_KEY_BYTES_MAX}", key.len()))
            }
            Some(key) => Ok(format!("outbox:{database}:key:{key}")),
            None => Ok(format!("outbox:{database}:row:{}", self.uid)),
        }
    }
}

#[cfg(test)]
mod tests {
    use apiary_identity::{Document as _, KeyPair};

    use super::*;

    fn row() -> Row {
        Row {
            id: 7,
            uid: "0190".to_owned(),
            function: "mail.send".to_owned(),
            executor_type: None,
            key: None,
            priority: 3,
            bytes: 7,
            args: Some(r#"{"a":1}"#.to_owned()),
        }
    }

    fn spec(row: &Row) -> Result<Spec, String> {
        let allowed = AllowedFunctions::read(&["mailer/mail.*".to_owned()]).unwrap();
        let spec = row.spec(&allowed, "db", KeyPair::generate().id(), Timestamp::UNIX_EPOCH);
        spec.inspect(|spec| drop(spec.to_json().unwrap()))
    }

    #[test]
    fn a_row_becomes_a_spec_with_its_own_key() {
        let made = spec(&row()).unwrap();
        assert_eq!((made.executor_type.as_str(), made.function.as_str(), made.priority), ("mailer", "mail.send", 3));
        assert_eq!(made.idempotency_key.as_deref(), Some("outbox:db:row:0190"));
        assert_eq!(made.labels["outbox_id"], "7");
        let keyed = spec(&Row { key: Some("order 17".to_owned()), ..row() }).unwrap();
        assert_eq!(keyed.idempotency_key.as_deref(), Some("outbox:db:key:order 17"));
    }

    #[test]
    fn a_row_that_nobody_may_submit_is_refused_with_a_reason() {
        for (row, words) in [
            (Row { function: "stripe.event".to_owned(), ..row() }, "allows no \"stripe.event\""),
            (Row { function: "a\u{1b}[31m\n".to_owned(), ..row() }, "allows no \"a\\u{1b}[31m\\n\""),
            (Row { executor_type: Some("finance".to_owned()), ..row() }, "allows no \"finance/mail.send\""),
            (Row { args: None, bytes: 2_000_000, ..row() }, "2000000 bytes"),
            (Row { key: Some("k".repeat(513)), ..row() }, "the key has 513 bytes"),
            (Row { key: Some(String::new()), ..row() }, "the key has 0 bytes"),
        ] {
            let told = spec(&row).unwrap_err();
            assert!(told.contains(words), "{words}: {told}");
        }
    }

    #[test]
    fn a_reason_is_bounded_and_has_no_control_characters() {
        let mark = Mark::refused(1, &format!("a\u{1b}\n\0{}", "b".repeat(5000)), false);
        let reason = mark.outcome.unwrap_err().text;
        assert!(reason.starts_with("abb") && reason.len() == REFUSAL_CHARS_MAX, "{reason}");
    }
}
