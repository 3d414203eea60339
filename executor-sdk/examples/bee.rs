//! A complete bee: it greets whoever it is told to.

use apiary_executor_sdk::identity::{SystemClock, read_key_file};
use apiary_executor_sdk::{Client, ClientConfig, Executor, Failure, Work};

#[derive(serde::Deserialize)]
struct Greeting {
    name: String,
}

async fn greet(args: Greeting, work: Work) -> Result<String, Failure> {
    if args.name.is_empty() {
        return Err(Failure::fatal("nobody to greet: give a name"));
    }
    Ok(format!("Hello, {}! (attempt {})", args.name, work.attempt()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (key, colony) = (read_key_file("bee.pem".as_ref(), None)?, std::env::var("APIARY_COLONY")?.parse()?);
    let config = ClientConfig::new("http://127.0.0.1:7700".parse()?);
    let client = Client::new(&config, colony, key, std::sync::Arc::new(SystemClock))?;
    let bee = Executor::builder(client).executor_type("greeter").slots(8).handle_json("greet", greet).build()?;
    Ok(bee.run_until_signalled().await?)
}
