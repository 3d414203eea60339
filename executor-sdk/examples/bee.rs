//! A complete bee that greets by name. `docs/writing-a-bee.md` runs it.

use std::process::ExitCode;
use std::sync::Arc;

use apiary_executor_sdk::identity::{SystemClock, read_key_file};
use apiary_executor_sdk::{Client, ClientConfig, Executor, Failure, LogLevel, Work};

#[derive(serde::Deserialize)]
struct Greeting {
    name: String,
}

async fn greet(args: Greeting, work: Work) -> Result<String, Failure> {
    if args.name.is_empty() {
        return Err(Failure::fatal("nobody to greet: give a name"));
    }
    // To this machine's log; the next line goes to the colony's, which `apiary process logs` shows.
    tracing::info!(process = %work.process_id(), "greeting {}", args.name);
    work.log(LogLevel::Info, &format!("greeting {}", args.name));
    Ok(format!("Hello, {}! (attempt {})", args.name, work.attempt()))
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    // Where `apiary up` listens, unless the environment says otherwise.
    let broker = std::env::var("APIARY_BROKER").unwrap_or_else(|_| "http://127.0.0.1:7420".to_owned());
    let colony = std::env::var("APIARY_COLONY").map_err(|_| "set APIARY_COLONY to the colony's id")?;
    let key = read_key_file("bee.pem".as_ref(), None)
        .map_err(|error| format!("{error}; `apiary key new bee.pem` makes one"))?;
    let client = Client::new(&ClientConfig::new(broker.parse()?), colony.parse()?, key, Arc::new(SystemClock))?;
    let bee = Executor::builder(client)
        .executor_type("greeter")
        .name("greeter")
        .slots(8)
        .function("greet", "greets whoever it is told to", r#"{ "type": "object", "required": ["name"] }"#)
        .handle_json("greet", greet)
        .build()?;
    Ok(bee.run_until_signalled().await?)
}
