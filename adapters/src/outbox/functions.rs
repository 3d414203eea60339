//! The functions that rows may ask for.

use apiary_identity::{Scopes, check_name};

/// Entries of one list: as many as a grant may have.
const ENTRIES_MAX: usize = apiary_identity::limits::SCOPE_ENTRIES_MAX;

/// Pairs of executor type and function that rows of an outbox may ask for. Whoever may insert a row can ask for these,
/// and for nothing else that the adapter's key may submit.
#[derive(Clone, Debug)]
pub struct AllowedFunctions(Vec<Scopes>);

impl AllowedFunctions {
    /// Reads entries such as `mailer/mail.send`, `mailer/mail.*` and `reports/*`.
    ///
    /// # Errors
    ///
    /// Names the invalid entry, and what to write.
    pub fn read(entries: &[String]) -> Result<Self, String> {
        if entries.len() > ENTRIES_MAX {
            return Err(format!("has more than {ENTRIES_MAX} entries: use a prefix such as `mailer/mail.*`"));
        }
        let numbered = entries.iter().enumerate();
        let scopes = numbered.map(|(index, entry)| {
            scope(entry).map_err(|problem| format!("has an invalid entry {}: it {problem}", index + 1))
        });
        scopes.collect::<Result<_, _>>().map(Self)
    }

    /// Returns the executor type for a row: its own if it may name it, or else that of the first entry with its
    /// function. `None` if no entry allows the row.
    pub(super) fn executor_type(&self, own: Option<&str>, function: &str) -> Option<&str> {
        let mut entries = self.0.iter().filter(|entry| entry.cover_function(function));
        let found = entries.find(|entry| own.is_none_or(|own| entry.executor_types == [own]));
        found.and_then(|entry| entry.executor_types.first()).map(String::as_str)
    }

    /// Returns the entries, as executor type and function; a function may end in `*`.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|entry| {
            let executor_types = entry.executor_types.iter();
            executor_types.flat_map(|of| entry.functions.iter().map(|function| (of.as_str(), function.as_str())))
        })
    }

    /// Returns the scopes of the grant that the adapter needs for them. They allow more than the entries: every
    /// function for every executor type.
    pub fn scopes(&self) -> Scopes {
        let mut scopes = Scopes { functions: Vec::new(), executor_types: Vec::new() };
        for entry in &self.0 {
            for (all, own) in
                [(&mut scopes.functions, &entry.functions), (&mut scopes.executor_types, &entry.executor_types)]
            {
                all.extend(own.iter().filter(|name| !all.contains(name)).cloned().collect::<Vec<_>>());
            }
        }
        scopes
    }
}

fn scope(entry: &str) -> Result<Scopes, String> {
    let (executor_type, function) = entry
        .split_once('/')
        .ok_or("has no `/`: write EXECUTOR_TYPE/FUNCTION, such as `mailer/mail.send` or `mailer/mail.*`")?;
    let name = function.strip_suffix('*').unwrap_or(function);
    let check = |field, name: &str| check_name(field, name).map_err(|error| format!("has an invalid name: {error}"));
    check("executor type", executor_type)?;
    if function != "*" {
        check("function", name)?;
    }
    Ok(Scopes { functions: vec![function.to_owned()], executor_types: vec![executor_type.to_owned()] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(entries: &[&str]) -> Result<AllowedFunctions, String> {
        AllowedFunctions::read(&entries.iter().map(|&entry| entry.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_row_gets_the_executor_type_of_the_first_entry_with_its_function_or_its_own() {
        let list = allowed(&["mailer/mail.send", "bulk/mail.*", "mailer/other"]).unwrap();
        for (own, function, found) in [
            (None, "mail.send", Some("mailer")),
            (None, "mail.list", Some("bulk")),
            (Some("bulk"), "mail.send", Some("bulk")),
            (Some("mailer"), "mail.list", None),
            (Some("*"), "mail.send", None),
            (Some(""), "mail.send", None),
            (None, "mail", None),
            (None, "mail.*", Some("bulk")),
            (None, "stripe.event", None),
            (None, "", None),
        ] {
            assert_eq!(list.executor_type(own, function), found, "{own:?} {function}");
        }
        assert_eq!(allowed(&["a/*"]).unwrap().executor_type(None, "anything"), Some("a"));
    }

    #[test]
    fn an_entry_that_cannot_be_used_is_named_by_its_number() {
        for entry in ["mail.send", "/f", "t/", "*/f", "t/f*g", "t/**", "t/a b"] {
            let told = allowed(&["a/b", entry]).unwrap_err();
            assert!(told.starts_with("has an invalid entry 2: it has "), "{entry}: {told}");
        }
        let many: Vec<String> = (0..=ENTRIES_MAX).map(|number| format!("a/f{number}")).collect();
        assert!(AllowedFunctions::read(&many).unwrap_err().contains("more than 256"));
    }

    #[test]
    fn the_grant_covers_every_entry_once() {
        let scopes = allowed(&["x/f", "x/g.*", "y/f"]).unwrap().scopes();
        assert_eq!(
            (scopes.functions, scopes.executor_types),
            (vec!["f".into(), "g.*".into()], vec!["x".into(), "y".into()])
        );
    }
}
