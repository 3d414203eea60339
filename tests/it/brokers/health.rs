//! gRPC health, reflection, and the two HTTP pages.

use apiary_tests::TestColony;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

on_each_store!(health_says_serving, reflection_lists_the_services, the_http_pages_tell_how_it_is);

async fn health_says_serving(colony: TestColony) {
    let mut health = HealthClient::new(colony.channel().await);
    let answer = health.check(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(answer.status(), ServingStatus::Serving);
}

async fn reflection_lists_the_services(colony: TestColony) {
    let mut reflection = ServerReflectionClient::new(colony.channel().await);
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let answer = reflection.server_reflection_info(tokio_stream::once(list)).await.unwrap();
    let first = answer.into_inner().message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(services)) = first.message_response else {
        panic!("expected a list of services, got {first:?}");
    };
    let names: Vec<_> = services.service.into_iter().map(|service| service.name).collect();
    for wanted in ["apiary.v1.ProcessService", "apiary.v1.LeaseService", "grpc.health.v1.Health"] {
        assert!(names.iter().any(|name| name == wanted), "{wanted} is not in {names:?}");
    }
}

async fn the_http_pages_tell_how_it_is(colony: TestColony) {
    for page in ["healthz", "readyz"] {
        let answer = apiary_tests::http().get(format!("http://{}/{page}", colony.address())).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{page}");
    }
}
