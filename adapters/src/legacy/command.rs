//! Reads a row's command: the function and its arguments.

use apiary_identity::Content;
use serde_json::value::RawValue;

use super::fields::Fields;

/// Keys of a command that may name the function, in order of precedence.
const FUNCTION_KEYS: [&str; 4] = ["function", "type", "action", "name"];
/// Keys of a command that may hold the arguments. A command with two of them is rejected.
const ARGS_KEYS: [&str; 4] = ["args", "params", "payload", "data"];

/// A function call read from a command.
#[derive(Debug, Default)]
pub(super) struct Call {
    /// The function, if the row names one.
    pub(super) function: Option<String>,
    /// The arguments, byte by byte as they stand in the row.
    pub(super) args: Content,
    /// Keys of the command other than function and arguments.
    pub(super) left_out: Vec<String>,
}

/// Reads a command. `function` is the value of the row's own column, which takes precedence over the command.
pub(super) fn read(command: Option<&RawValue>, function: Option<String>) -> Result<Call, String> {
    let Some(command) = command else { return Ok(Call { function, ..Call::default() }) };
    // Some tables store the command as a text that contains JSON.
    if command.get().starts_with('"') {
        let text: String =
            serde_json::from_str(command.get()).map_err(|error| format!("`command` cannot be read: {error}"))?;
        return read_json(text.trim(), function);
    }
    read_json(command.get(), function)
}

fn read_json(json: &str, function: Option<String>) -> Result<Call, String> {
    if json.starts_with('{') {
        let fields = Fields::read(json).map_err(|problem| format!("`command` {problem}"))?;
        return read_fields(json, &fields, function);
    }
    if json.is_empty() {
        return Ok(Call { function, ..Call::default() });
    }
    serde_json::from_str::<&RawValue>(json).map_err(|error| format!("`command` is not valid JSON: {error}"))?;
    Ok(Call { function, args: Content::from_bytes(json.as_bytes()), left_out: Vec::new() })
}

fn read_fields(json: &str, fields: &Fields, column: Option<String>) -> Result<Call, String> {
    let function = match column {
        Some(function) => Some(function),
        None => function_of(fields)?,
    };
    let says_the_function = |name: &str| {
        FUNCTION_KEYS.contains(&name) && fields.text(name).is_ok_and(|text| text.is_some() && text == function)
    };
    let args: Vec<&str> = ARGS_KEYS.into_iter().filter(|name| fields.raw(name).is_some()).collect();
    let rest = fields.names().filter(|name| !says_the_function(name) && !args.contains(name));
    let rest: Vec<String> = rest.map(str::to_owned).collect();
    match args[..] {
        [] if rest.is_empty() => Ok(Call { function, ..Call::default() }),
        // Without a key for the arguments, they stand beside the function: the whole command is passed on, so that no
        // argument is lost.
        [] => Ok(Call { function, args: Content::from_bytes(json.as_bytes()), left_out: Vec::new() }),
        [name] => {
            let args = fields.raw(name).map(RawValue::get).unwrap_or_default();
            Ok(Call { function, args: Content::from_bytes(args.as_bytes()), left_out: rest })
        }
        [first, second, ..] => Err(format!("`command` has both `{first}` and `{second}`: the arguments are ambiguous")),
    }
}

/// Returns the value of the first function key. An error if that value is not a text: a guess could call the wrong
/// function.
fn function_of(fields: &Fields) -> Result<Option<String>, String> {
    let Some(name) = FUNCTION_KEYS.into_iter().find(|name| fields.raw(name).is_some()) else { return Ok(None) };
    match fields.raw(name).filter(|value| value.get().starts_with('"')) {
        Some(_) => fields.text(name).map_err(|problem| format!("of `command`, {problem}")),
        None => Err(format!("`{name}` of `command` is not a text: it should name the function")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Function, arguments and what was left out.
    fn call(command: &str, column: Option<&str>) -> Result<(Option<String>, String, Vec<String>), String> {
        let raw: Box<RawValue> = serde_json::from_str(command).unwrap();
        let call = read(Some(&raw), column.map(str::to_owned))?;
        let args = String::from_utf8(call.args.to_bytes().unwrap().to_vec()).unwrap();
        Ok((call.function, args, call.left_out))
    }

    fn plain(function: &str, args: &str) -> Result<(Option<String>, String, Vec<String>), String> {
        Ok((Some(function.to_owned()), args.to_owned(), Vec::new()))
    }

    #[test]
    fn each_spelling_of_function_and_arguments_is_read() {
        for function in FUNCTION_KEYS {
            for args in ARGS_KEYS {
                let command = format!(r#"{{"{function}":"f","{args}":{{"a": 1.0}}}}"#);
                assert_eq!(call(&command, None), plain("f", r#"{"a": 1.0}"#), "{command}");
                let text = serde_json::to_string(&command).unwrap();
                assert_eq!(call(&text, None), plain("f", r#"{"a": 1.0}"#), "{text}");
            }
        }
    }

    #[test]
    fn arguments_beside_the_function_are_handed_on_with_the_whole_command() {
        let command = r#"{"type":"mail", "to":"ada"}"#;
        assert_eq!(call(command, None), plain("mail", command));
        assert_eq!(call(r#"{"name":"Ada"}"#, Some("greet")), plain("greet", r#"{"name":"Ada"}"#));
        assert_eq!(call("[1, 2]", Some("sum")), plain("sum", "[1, 2]"));
        assert_eq!(call(r#"{"function":"f","args":null}"#, None), plain("f", ""));
        assert_eq!(call(r#"{"function":"f"}"#, None), plain("f", ""));
        assert_eq!(call(r#""""#, Some("f")), plain("f", ""));
    }

    #[test]
    fn what_is_left_out_is_named() {
        let (function, args, left_out) = call(r#"{"function":"f","type":"job","args":[1],"timeout":3}"#, None).unwrap();
        assert_eq!((function.as_deref(), args.as_str()), (Some("f"), "[1]"));
        assert_eq!(left_out, ["timeout", "type"]);
        let (function, _, left_out) = call(r#"{"function":"g","args":[1]}"#, Some("f")).unwrap();
        assert_eq!((function.as_deref(), left_out), (Some("f"), vec!["function".to_owned()]), "the column counts");
    }

    #[test]
    fn what_could_mean_two_things_or_none_is_refused() {
        for command in [
            r#"{"function":"f","args":1,"data":2}"#,
            r#"{"function":3,"args":1}"#,
            r#"{"type":["f"]}"#,
            r#"{"function":"f","function":"g"}"#,
            r#""send the report""#,
            r#""{\"function\":\"f\"""#,
            r#"{"function":"a\u0000b"}"#,
        ] {
            let problem = call(command, None).unwrap_err();
            assert!(problem.contains("`command`"), "{command}: {problem}");
        }
    }

    #[test]
    fn deep_arguments_arrive_byte_by_byte() {
        let args = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(call(&format!(r#"{{"function":"f","args":{args}}}"#), None), plain("f", &args));
    }
}
