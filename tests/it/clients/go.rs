//! grpc-go.

use std::process::Command;

use super::{Scene, installed};

#[tokio::test(flavor = "multi_thread")]
async fn grpc_go_reads_refusals() {
    let scene = Scene::new().await;
    let mut command = Command::new(installed("APIARY_TEST_GRPC_GO"));
    command.arg(scene.colony.address().to_string());
    scene.check(command).await;
}
