//! Executors: registrations, functions and states.

mod drain_executor;
mod explain_executor;
mod list_executors;
mod list_functions;
mod register_executor;
mod reject_executor;

use apiary_executor_sdk::{Client, v1};

/// Builds the registration of an executor of type `t`, with these functions and the schemas of their arguments.
fn saying(name: &str, functions: &[(&str, &str)]) -> v1::RegisterExecutorRequest {
    let announced = |(name, args_schema): &(&str, &str)| v1::AnnouncedFunction {
        name: (*name).to_owned(),
        description: "does it".to_owned(),
        args_schema: (*args_schema).to_owned(),
    };
    v1::RegisterExecutorRequest {
        executor_type: "t".to_owned(),
        name: name.to_owned(),
        functions: functions.iter().map(announced).collect(),
        version: "1.2.3".to_owned(),
        ..Default::default()
    }
}

/// Returns every executor, by name and state.
async fn states(reader: &Client) -> Vec<(String, String)> {
    let all = reader.list_executors(v1::ListExecutorsRequest::default()).await.unwrap();
    all.executors.into_iter().map(|one| (one.name, one.state)).collect()
}

/// Returns the state of the executor of this name.
async fn state_of(reader: &Client, name: &str) -> Option<String> {
    states(reader).await.into_iter().find(|(known, _)| known == name).map(|(_, state)| state)
}
