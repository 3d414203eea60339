//! Node: connect-node, and the example that reads over HTTP.

use std::process::Command;

use super::{Scene, example, installed, path};

#[tokio::test(flavor = "multi_thread")]
async fn connect_node_reads_refusals() {
    let scene = Scene::new().await;
    let mut command = Command::new("node");
    command
        .arg(path("tests/clients/node/refusals.mjs"))
        .arg(scene.colony.address().to_string())
        .arg(installed("APIARY_TEST_CONNECT_NODE"))
        .arg(path("proto/src/generated/descriptors.bin"));
    scene.check(command).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_example_reads_a_result() {
    example("js", "mjs", "node", "NODE_EXTRA_CA_CERTS").await;
}
