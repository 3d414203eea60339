//! `apiary lease log`.

use apiary_executor_sdk::LogLevel;
use apiary_executor_sdk::lease::{Lines, Subject, lines_of};
use apiary_executor_sdk::limits::LOG_MESSAGE_BYTES_MAX;
use apiary_executor_sdk::{Client, ClientError, Reason};
use clap::Args;
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::file::Which;
use crate::arguments::{Level, pair};
use crate::context::Context;
use crate::exit::{Exit, Fault};

const EXAMPLES: &str = "\
Examples:
  apiary lease log --lease lease.json 'the printer is warm'
  apiary lease log --lease lease.json --level warn --field pages=12 'low on paper'
  make 2>&1 | apiary lease log --lease lease.json --level stdout -";

/// Bytes read from standard input at a time.
const READ_BYTES: usize = 8 * 1024;

/// Log a line, or each line of standard input as it arrives
///
/// Everybody who may read the colony can read the lines: do not include secrets. A command whose output is logged is
/// never blocked: if lines arrive faster than they can be sent, the oldest are dropped, and a line reports their
/// number. Exits with 3 if the lease is lost.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Level of the line, or the stream that it was captured from
    #[arg(long, value_enum, default_value = "info")]
    level: Level,
    /// A structured field; may be given several times. Numbers, `true` and `false` keep their type; other values are
    /// text
    #[arg(long = "field", value_name = "KEY=VALUE", value_parser = pair)]
    fields: Vec<(String, String)>,
    /// Text of the line; `-` reads lines from standard input
    #[arg(value_name = "MESSAGE")]
    message: String,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let is_stream = arguments.message == "-";
    if is_stream && !arguments.fields.is_empty() {
        return Err(Fault::usage("--field belongs to one message: lines of standard input have none").into());
    }
    let held = arguments.which.open(context, &[is_stream.then(|| "-".as_ref())])?;
    let level = arguments.level.into();
    if is_stream {
        return stream(&held.client, held.subject, level).await;
    }
    let fields = arguments.fields.iter().map(|(key, value)| (key.clone(), field(value))).collect::<Map<_, _>>();
    let lines = lines_of(&held.client, level, &arguments.message, fields);
    let answer = held.client.add_logs(held.subject.process_id, held.subject.attempt, lines).await?;
    if answer.dropped > 0 {
        return Err(
            Fault::new(Exit::Refused, "the process has reached its limit of log lines: the line is dropped").into()
        );
    }
    Ok(())
}

/// Logs standard input line by line, until its end or until the lease is lost.
async fn stream(client: &Client, subject: Subject, level: LogLevel) -> anyhow::Result<()> {
    let lines = Lines::start(client, subject);
    let write = lines.writer();
    let (at_end, ended) = oneshot::channel();
    // A thread, because a blocked read of standard input cannot be cancelled: the program ends without waiting for it.
    std::thread::spawn(move || {
        // The receiver is gone once the lease is lost.
        let _ = at_end.send(read_lines(&mut std::io::stdin().lock(), |line| write(level, line)));
    });
    let read = tokio::select! {
        read = ended => read,
        () = lines.lost() => return Err(lost(subject).into()),
    };
    if !lines.finish().await {
        return Err(lost(subject).into());
    }
    match read {
        Ok(Err(error)) => Err(anyhow::Error::from(error).context("standard input")),
        Ok(Ok(())) | Err(_) => Ok(()),
    }
}

fn lost(subject: Subject) -> ClientError {
    ClientError::Refused {
        reason: Reason::LeaseLost,
        message: format!("the lease of {} is lost: stop the work, its result will not be accepted", subject.process_id),
        retryable: false,
        retry_after: None,
        request_id: None,
    }
}

/// Passes each line on. A line longer than a log line may be is split, and invalid UTF-8 is replaced.
fn read_lines(input: &mut impl std::io::Read, write: impl Fn(&str)) -> std::io::Result<()> {
    let (mut line, mut buffer) = (Vec::new(), vec![0; READ_BYTES]);
    let say = |line: &mut Vec<u8>| {
        write(&String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)));
        line.clear();
    };
    loop {
        let count = match input.by_ref().read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        for &byte in &buffer[..count] {
            if byte == b'\n' {
                say(&mut line);
            } else {
                line.push(byte);
                if line.len() >= LOG_MESSAGE_BYTES_MAX {
                    say(&mut line);
                }
            }
        }
    }
    if !line.is_empty() {
        say(&mut line);
    }
    Ok(())
}

fn field(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn standard_input_becomes_lines_of_which_none_is_too_long() {
        let long = vec![b'x'; LOG_MESSAGE_BYTES_MAX + 3];
        let input = [b"a\r\n\nb\xff\n".as_slice(), &long, b"\nend"].concat();
        let lines = RefCell::new(Vec::new());
        read_lines(&mut input.as_slice(), |line| lines.borrow_mut().push(line.to_owned())).unwrap();
        let lines = lines.into_inner();
        assert_eq!(lines[..3], ["a", "", "b\u{fffd}"]);
        assert_eq!(lines[3..].iter().map(String::len).collect::<Vec<_>>(), [LOG_MESSAGE_BYTES_MAX, 3, 3]);
        assert_eq!(lines[5], "end");
    }

    #[test]
    fn a_field_is_a_number_a_truth_or_a_text() {
        assert_eq!(field("12"), serde_json::json!(12));
        assert_eq!(field("true"), serde_json::json!(true));
        for text in ["null", "{}", "\"a\"", "1 2", ""] {
            assert_eq!(field(text), serde_json::json!(text));
        }
    }
}
