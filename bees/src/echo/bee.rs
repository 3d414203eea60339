//! Functions for trying out a colony:
//!
//! | function | arguments | does |
//! |---|---|---|
//! | `echo` | any bytes | gives them back, byte by byte |
//! | `sleep` | `{"ms": 1000}` | waits so long, at most an hour, or until it is cancelled |
//! | `snooze` | `{"ms": 1000}` | puts the work off for so long, then succeeds |
//! | `count` | `{"to": 10, "ms": 100, "stumble_at": 4}` | counts, with a pause; logs each number, reports how far it is, and leaves it for the next attempt; its first attempt fails at `stumble_at`, if that is given |
//! | `fail` | `{"message": "…", "retryable": false, "retry_after_ms": 0}`, all optional | fails so |

use std::time::Duration;

use apiary_executor_sdk::{AttributeKind, Client, Failure, LogLevel, Output, Work};
use apiary_settings::Values;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Bee, BeeError, Build, Function};

/// All of its functions.
const FUNCTIONS: [Function; 5] = [
    Function { name: "echo", about: "gives its arguments back, byte by byte", args_schema: "" },
    Function { name: "sleep", about: "waits `ms` milliseconds, at most an hour", args_schema: SLEEP_ARGS },
    Function {
        name: "snooze",
        about: "puts the work off once for `ms` milliseconds, then succeeds",
        args_schema: SLEEP_ARGS,
    },
    Function { name: "count", about: "counts to `to`; logs, reports and keeps where it is", args_schema: COUNT_ARGS },
    Function { name: "fail", about: "fails as it is told, for trying out retries", args_schema: FAIL_ARGS },
];
/// Processes that a bee runs at the same time.
const SLOTS: usize = 8;
/// The most that is counted to.
const COUNT_MAX: u32 = 1_000_000;
/// JSON Schema of the arguments of `sleep`.
const SLEEP_ARGS: &str = r#"{
  "type": "object",
  "properties": { "ms": { "type": "integer", "minimum": 0, "maximum": 3600000 } },
  "required": ["ms"],
  "additionalProperties": false
}"#;
/// JSON Schema of the arguments of `count`.
const COUNT_ARGS: &str = r#"{
  "type": "object",
  "properties": {
    "to": { "type": "integer", "minimum": 0, "maximum": 1000000 },
    "ms": { "type": "integer", "minimum": 0, "maximum": 3600000 },
    "stumble_at": { "type": ["integer", "null"], "minimum": 0 }
  },
  "required": ["to"],
  "additionalProperties": false
}"#;
/// JSON Schema of the arguments of `fail`.
const FAIL_ARGS: &str = r#"{
  "type": "object",
  "properties": {
    "message": { "type": ["string", "null"] },
    "retryable": { "type": "boolean" },
    "retry_after_ms": { "type": ["integer", "null"], "minimum": 0 }
  },
  "additionalProperties": false
}"#;
/// The longest sleep.
const SLEEP_MAX: Duration = Duration::from_secs(3600);

/// The echo bee.
pub struct Echo;

#[async_trait]
impl Bee for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn about(&self) -> &'static str {
        "Returns its arguments, for tests"
    }

    fn executor_type(&self) -> &'static str {
        "echo"
    }

    fn functions(&self) -> &'static [Function] {
        &FUNCTIONS
    }

    async fn build(&self, client: Client, _: &Values) -> Result<Build, BeeError> {
        let executor = self
            .executor(client)
            .slots(SLOTS)
            .handle("echo", echo)
            .handle_json("sleep", sleep)
            .handle_json("snooze", snooze)
            .handle_json("count", count)
            .handle_json("fail", fail);
        Ok(executor.into())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sleep {
    ms: u64,
}

#[derive(Debug, PartialEq, Serialize)]
struct Slept {
    slept_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Count {
    to: u32,
    #[serde(default)]
    ms: u64,
    #[serde(default)]
    stumble_at: Option<u32>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Counted {
    /// First number of this attempt.
    from: u32,
    to: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fail {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    retryable: bool,
    #[serde(default)]
    retry_after_ms: Option<u64>,
}

async fn echo(work: Work) -> Result<Output, Failure> {
    Ok(Output::bytes(work.args().clone()))
}

async fn sleep(args: Sleep, work: Work) -> Result<Slept, Failure> {
    let duration = Duration::from_millis(args.ms);
    if duration > SLEEP_MAX {
        return Err(Failure::fatal(format!("{} ms is too long: sleep at most {} ms", args.ms, SLEEP_MAX.as_millis())));
    }
    tokio::select! {
        () = tokio::time::sleep(duration) => Ok(Slept { slept_ms: args.ms }),
        () = work.cancelled() => Err(Failure::retryable("woken up: the work was cancelled")),
    }
}

async fn snooze(args: Sleep, work: Work) -> Result<Slept, Failure> {
    if work.attempt() == 1 {
        return Err(Failure::snooze(Duration::from_millis(args.ms), "as it was told to"));
    }
    Ok(Slept { slept_ms: args.ms })
}

async fn count(args: Count, work: Work) -> Result<Counted, Failure> {
    let pause = Duration::from_millis(args.ms);
    if args.to > COUNT_MAX || pause > SLEEP_MAX {
        let most_ms = SLEEP_MAX.as_millis();
        return Err(Failure::fatal(format!("count to {COUNT_MAX} at the most, with pauses of at most {most_ms} ms")));
    }
    let from: u32 = work.checkpoint_json()?.unwrap_or_default();
    if from > 0 {
        work.log(LogLevel::Info, &format!("going on from {from}, where an earlier attempt ended"));
    }
    for number in from + 1..=args.to {
        if args.stumble_at == Some(number) && work.attempt() == 1 {
            work.log(LogLevel::Warn, &format!("stumbled at {number}, as it was told to"));
            return Err(Failure::retryable(format!("stumbled at {number}")));
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = work.cancelled() => return Err(Failure::retryable("the work was cancelled")),
        }
        work.log_with(LogLevel::Info, &format!("counted {number}"), serde_json::json!({ "number": number }));
        work.report(100.0 * f64::from(number) / f64::from(args.to), &format!("{number} of {}", args.to));
        work.checkpoint_with(number)?;
    }
    work.set_attribute(AttributeKind::Out, "counted_from", &from.to_string())?;
    Ok(Counted { from, to: args.to })
}

async fn fail(args: Fail, _work: Work) -> Result<Output, Failure> {
    let message = args.message.unwrap_or_else(|| "failed, as it was told to".to_owned());
    if !args.retryable {
        return Err(Failure::fatal(message));
    }
    let failure = Failure::retryable(message);
    Err(match args.retry_after_ms {
        Some(wait_ms) => failure.retry_after(Duration::from_millis(wait_ms)),
        None => failure,
    })
}

#[cfg(test)]
mod tests {
    use apiary_executor_sdk::{CancellationToken, IntoOutput as _, testing};

    use super::*;

    #[tokio::test]
    async fn an_echo_has_every_byte() {
        for bytes in [&b""[..], b"{\"a\" :  1}\n", b"\x00\xff\xfe not text", "\u{1f41d}".as_bytes()] {
            let work = testing::work("echo").args_bytes(bytes.to_vec()).build();
            assert_eq!(echo(work).await.unwrap().into_output().unwrap(), bytes);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleeper_wakes_after_its_time() {
        let start = tokio::time::Instant::now();
        let slept = sleep(Sleep { ms: 1500 }, testing::work("sleep").build()).await.unwrap();
        assert_eq!(slept, Slept { slept_ms: 1500 });
        assert!(start.elapsed() >= Duration::from_millis(1500));
        assert!(sleep(Sleep { ms: 3_600_001 }, testing::work("sleep").build()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleeper_whose_work_is_cancelled_wakes_at_once() {
        let token = CancellationToken::new();
        token.cancel();
        let failure = sleep(Sleep { ms: 3_600_000 }, testing::work("sleep").cancelled_by(token).build()).await;
        assert!(failure.unwrap_err().is_retryable());
    }

    #[tokio::test(start_paused = true)]
    async fn a_counter_goes_on_where_an_earlier_attempt_ended() {
        let args = || Count { to: 5, ms: 100, stumble_at: Some(3) };
        let stumbled = count(args(), testing::work("count").build()).await.unwrap_err();
        assert!(stumbled.is_retryable() && stumbled.message().contains('3'), "{stumbled}");
        let counted = count(args(), testing::work("count").attempt(2).checkpoint("2").build()).await.unwrap();
        assert_eq!(counted, Counted { from: 2, to: 5 });
        let odd = count(args(), testing::work("count").checkpoint("\"two\"").build()).await.unwrap_err();
        assert!(!odd.is_retryable(), "{odd}");
    }

    #[tokio::test]
    async fn work_is_put_off_once() {
        assert!(snooze(Sleep { ms: 10 }, testing::work("snooze").build()).await.is_err());
        assert!(snooze(Sleep { ms: 10 }, testing::work("snooze").attempt(2).build()).await.is_ok());
    }

    #[tokio::test]
    async fn it_fails_as_it_is_told() {
        let args = Fail { message: Some("no luck".to_owned()), retryable: true, retry_after_ms: Some(10) };
        let failure = fail(args, testing::work("fail").build()).await.unwrap_err();
        assert!(failure.is_retryable());
        assert_eq!(failure.message(), "no luck");
        let args = Fail { message: None, retryable: false, retry_after_ms: None };
        assert!(!fail(args, testing::work("fail").build()).await.unwrap_err().is_retryable());
    }
}
