//! gRPC health and reflection, and the two HTTP pages.

use apiary_proto::health::health_check_response::ServingStatus;
use apiary_proto::health::health_client::HealthClient;
use apiary_proto::health::{HealthCheckRequest, HealthListRequest};
use apiary_protocol::details::Details;
use apiary_tests::TestColony;
use tonic::Code;
use tonic_reflection::pb::{v1, v1alpha};

on_each_store!(
    each_service_is_serving,
    a_service_that_is_not_there_is_not_found,
    whoever_watches_is_told_that_the_broker_stops,
    both_versions_of_reflection_list_the_services,
    the_http_pages_tell_how_it_is
);

const SERVICES: [&str; 10] = [
    "apiary.v1.BrokerService",
    "apiary.v1.BulkService",
    "apiary.v1.ColonyService",
    "apiary.v1.ExecutorService",
    "apiary.v1.GrantService",
    "apiary.v1.LeaseService",
    "apiary.v1.LimitService",
    "apiary.v1.PauseService",
    "apiary.v1.ProcessService",
    "grpc.health.v1.Health",
];

fn named(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

async fn each_service_is_serving(colony: TestColony) {
    let mut health = HealthClient::new(colony.channel().await);
    let all = health.list(HealthListRequest {}).await.unwrap().into_inner().statuses;
    let names: Vec<&str> = all.keys().map(String::as_str).collect();
    assert_eq!(names, [&[""], SERVICES.as_slice()].concat());
    for (service, listed) in &all {
        assert_eq!(listed.status(), ServingStatus::Serving, "{service}");
        assert_eq!(health.check(named(service)).await.unwrap().into_inner().status(), ServingStatus::Serving);
        let mut watch = health.watch(named(service)).await.unwrap().into_inner();
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving, "{service}");
    }
}

async fn a_service_that_is_not_there_is_not_found(colony: TestColony) {
    let mut health = HealthClient::new(colony.channel().await);
    let refused = health.check(named("apiary.v1.Queen")).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    assert_eq!(Details::of(&refused).unwrap().reason, "NOT_FOUND");
    let mut watch = health.watch(named("apiary.v1.Queen")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
}

async fn whoever_watches_is_told_that_the_broker_stops(mut colony: TestColony) {
    let mut health = HealthClient::new(colony.channel().await);
    let mut watches = Vec::new();
    for service in ["", "apiary.v1.LeaseService"] {
        let mut watch = health.watch(named(service)).await.unwrap().into_inner();
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
        watches.push(watch);
    }
    colony.stop().await;
    for mut watch in watches {
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
        assert!(watch.message().await.unwrap().is_none(), "nothing follows");
    }
}

async fn both_versions_of_reflection_list_the_services(colony: TestColony) {
    macro_rules! names {
        ($version:ident) => {{
            let mut client = $version::server_reflection_client::ServerReflectionClient::new(colony.channel().await);
            let list = $version::ServerReflectionRequest {
                host: String::new(),
                message_request: Some($version::server_reflection_request::MessageRequest::ListServices(String::new())),
            };
            let mut answers = client.server_reflection_info(tokio_stream::once(list)).await.unwrap().into_inner();
            let first = answers.message().await.unwrap().unwrap();
            let Some($version::server_reflection_response::MessageResponse::ListServicesResponse(list)) =
                first.message_response
            else {
                panic!("expected a list of services, got {first:?}");
            };
            list.service.into_iter().map(|service| service.name).collect::<Vec<_>>()
        }};
    }
    for (version, names) in [("v1", names!(v1)), ("v1alpha", names!(v1alpha))] {
        for wanted in SERVICES {
            assert!(names.iter().any(|name| name == wanted), "{wanted} is not in {version}: {names:?}");
        }
    }
}

async fn the_http_pages_tell_how_it_is(colony: TestColony) {
    for page in ["healthz", "readyz"] {
        let answer = apiary_tests::http().get(format!("http://{}/{page}", colony.address())).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{page}");
    }
}
