//! Python: grpcio-status, and the example that reads over HTTP.

use std::process::Command;

use super::{Scene, example, installed, path};

#[tokio::test(flavor = "multi_thread")]
async fn grpcio_status_reads_refusals() {
    let scene = Scene::new().await;
    let mut command = Command::new(installed("APIARY_TEST_PYTHON"));
    command.arg(path("tests/clients/python/refusals.py")).arg(scene.colony.address().to_string());
    scene.check(command).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_example_reads_a_result() {
    example("python", "py", installed("APIARY_TEST_PYTHON"), "SSL_CERT_FILE").await;
}
