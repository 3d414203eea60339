//! A submitter that awaits: `submitter TYPE FUNCTION ARGS` submits, waits for the result, checks its signatures, and prints its
//! output.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use apiary_executor_sdk::identity::chain::verify_result;
use apiary_executor_sdk::identity::{Content, Envelope, Outcome, OutcomeKind, SystemClock, read_key_file};
use apiary_executor_sdk::wire::envelope_from_proto;
use apiary_executor_sdk::{Client, ClientConfig, retry};

/// The longest wait for a broker that is away.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest wait for the result.
const RESULT_TIMEOUT: Duration = Duration::from_secs(10 * 60);

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(output) => {
            println!("{output}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<String, Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [executor_type, function, args] = arguments.as_slice() else {
        return Err("usage: submitter TYPE FUNCTION ARGS".into());
    };
    let broker = std::env::var("APIARY_BROKER").unwrap_or_else(|_| "http://127.0.0.1:7420".to_owned());
    let colony = std::env::var("APIARY_COLONY").map_err(|_| "set APIARY_COLONY to the colony's id")?.parse()?;
    let key = read_key_file("submitter.pem".as_ref(), None)
        .map_err(|error| format!("{error}; `apiary key new submitter.pem` makes one"))?;
    let client = Client::new(&ClientConfig::new(broker.parse()?), colony, key.clone(), Arc::new(SystemClock))?;

    // Signed once: however often it is sent, it creates a single process.
    let spec = client.spec(executor_type, function).with_args(Content::from_bytes(args.as_bytes()));
    let spec = Envelope::seal(&key, &spec)?;
    let process_id = retry(PATIENCE, || client.submit_envelope(&spec)).await?.process_id;
    eprintln!("submitted {process_id}");

    let finished = tokio::time::timeout(RESULT_TIMEOUT, client.wait_until_finished(process_id)).await;
    let process = finished.map_err(|_| format!("{process_id} is not finished after {RESULT_TIMEOUT:?}"))??;
    let answer = retry(PATIENCE, || client.r#await(process_id, Duration::ZERO)).await?;

    // The broker's answer proves nothing. The result does: it names exactly these bytes, and the colony granted its
    // key.
    let attempt = answer.attempt.unwrap_or_default();
    let (Some(grant), Some(result)) = (attempt.executor_grant, attempt.result) else {
        return Err(format!("no executor finished it: {:?}", process.state()).into());
    };
    let (grant, result) = (envelope_from_proto(&grant)?, envelope_from_proto(&result)?);
    let outcome: Outcome = verify_result(&colony, &grant, &spec, attempt.attempt, &result)?;
    match outcome.outcome {
        OutcomeKind::Succeeded => Ok(String::from_utf8_lossy(&outcome.output().to_bytes()?).into_owned()),
        other => Err(format!("{}: {}", other.as_str(), outcome.failure.unwrap_or_default()).into()),
    }
}
