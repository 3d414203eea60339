//! `GET /v1/processes/{id}` and `…/result`: reading without gRPC, by a signed header. Every answer fits `docs/openapi.json`.

use std::time::Duration;

use apiary_executor_sdk::wire;
use apiary_identity::{Clock as _, Envelope, KeyPair, OutcomeKind, Request, SystemClock, chain};
use apiary_protocol::schema::{ReadSchema, SchemaBounds};
use apiary_tests::TestColony;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

on_each_store!(
    a_process_is_read_with_what_was_signed,
    a_result_is_waited_for_and_read_as_it_was_printed,
    what_is_not_finished_in_time_says_so,
    a_signed_header_is_good_once_for_this_request_alone,
    nobody_reads_without_the_right_to,
    bad_ids_and_queries_are_refused_by_name,
    an_unknown_page_is_told_the_nearest,
    every_page_is_described
);

/// The checked-in description of the pages.
const DESCRIPTION: &str = include_str!("../../../docs/openapi.json");

/// Signs a request as a client without the SDK does.
pub(crate) async fn header(colony: &TestColony, key: &KeyPair, target: &str) -> String {
    let broker: Value = get(colony, "/v1/broker", None).await.1;
    let broker_id = broker["broker_id"].as_str().unwrap();
    let request = Request::new(&format!("GET {target}"), colony.key.id(), broker_id, SystemClock.now(), b"");
    STANDARD.encode(Envelope::seal(key, &request).unwrap().to_json())
}

/// Sends a request, and checks the answer against the description.
async fn send(colony: &TestColony, method: Method, target: &str, header: Option<&str>) -> (StatusCode, Value) {
    let url = format!("http://{}{target}", colony.address());
    let mut request = apiary_tests::http().request(method.clone(), url);
    if let Some(header) = header {
        request = request.header("apiary-request", header);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let is_json = answer.headers()["content-type"] == "application/json";
    let text = answer.text().await.unwrap();
    let body = if is_json { serde_json::from_str(&text).unwrap() } else { Value::String(text) };
    check(&method, target, status, is_json, &body);
    (status, body)
}

async fn get(colony: &TestColony, target: &str, header: Option<&str>) -> (StatusCode, Value) {
    send(colony, Method::GET, target, header).await
}

/// Reads a page with the signed header of a key, and checks the answer against the description.
pub(crate) async fn read(colony: &TestColony, key: &KeyPair, target: &str) -> (StatusCode, Value) {
    let header = header(colony, key, target).await;
    get(colony, target, Some(&header)).await
}

/// Asserts that an answer matches the description.
fn check(method: &Method, target: &str, status: StatusCode, is_json: bool, body: &Value) {
    let description: Value = serde_json::from_str(DESCRIPTION).unwrap();
    let path = target.split('?').next().unwrap();
    let fits = |template: &str| {
        let (given, wanted): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), template.split('/').collect());
        given.len() == wanted.len() && given.iter().zip(&wanted).all(|(g, w)| g == w || w.starts_with('{'))
    };
    let page = description["paths"].as_object().unwrap().iter().find(|(template, _)| fits(template));
    let answers = page.map(|(_, page)| &page[method.as_str().to_lowercase()]["responses"]);
    let kind = if is_json { "application/json" } else { "text/plain" };
    let described = answers.map(|answers| &answers[status.as_str()]["content"][kind]["schema"]);
    let schema = match described {
        Some(schema) if !schema.is_null() => schema.clone(),
        _ => json!({ "$ref": "#/components/schemas/Refusal" }),
    };
    let mut document = schema;
    document["components"] = description["components"].clone();
    let bounds = SchemaBounds { values_max: 10_000, depth_max: 100, pattern_bytes_max: 1 << 20 };
    let schema = ReadSchema::read(document, bounds).unwrap().compile().unwrap();
    let misfit = schema.check(body).err();
    assert_eq!(misfit, None, "{method} {target} {status}: {body}");
}

fn envelope(json: &Value) -> Envelope {
    Envelope::from_json(json.to_string().as_bytes()).unwrap()
}

async fn a_process_is_read_with_what_was_signed(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    colony.reader().await;
    let id = user.submit_json("t", "f", &json!({ "n": 1 })).await.unwrap().process_id;
    let target = format!("/v1/processes/{id}");
    let (status, waiting) = read(&colony, &colony.key_of("reader"), &target).await;
    assert_eq!((status, &waiting["state"], &waiting["attempts"]), (StatusCode::OK, &json!("waiting"), &json!([])));
    let lease = colony.claim_one(&bee, "t").await;
    bee.complete(&colony.success("bee", &lease, b"[1.0]")).await.unwrap();
    let (_, done) = read(&colony, &colony.key_of("reader"), &target).await;
    assert_eq!(
        (&done["state"], &done["executor"], &done["submitter"]),
        (&json!("succeeded"), &json!("bee"), &json!("ada"))
    );
    // The signed bytes are unchanged, so that readers need not trust the broker.
    let (spec, attempt) = (envelope(&done["spec"]), &done["attempts"][0]);
    chain::verify_spec(&colony.key.id(), &envelope(&done["submitter_grant"]), &spec).unwrap();
    let (grant, result) = (envelope(&attempt["executor_grant"]), envelope(&attempt["result"]));
    chain::verify_result(&colony.key.id(), &grant, &spec, 1, &result).unwrap();
    assert_eq!(spec, wire::envelope_from_proto(&lease.spec.unwrap()).unwrap());
}

async fn a_result_is_waited_for_and_read_as_it_was_printed(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    colony.reader().await;
    for output in [b"{\"sum\": 1.10, \"big\": 123456789012345678901234567890}".as_slice(), b"\xff\x00"] {
        let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
        let target = format!("/v1/processes/{id}/result?wait=30s");
        let header = header(&colony, &colony.key_of("reader"), &target).await;
        let url = format!("http://{}{target}", colony.address());
        let waiting = tokio::spawn(async move {
            apiary_tests::http().get(url).header("apiary-request", header).send().await.unwrap()
        });
        let lease = colony.claim_one(&bee, "t").await;
        bee.complete(&colony.success("bee", &lease, output)).await.unwrap();
        let answer = tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let text = answer.text().await.unwrap();
        let body: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&body["state"], &body["outcome"], &body["attempt"]),
            (&json!("succeeded"), &json!("succeeded"), &json!(1))
        );
        match std::str::from_utf8(output) {
            Ok(printed) => assert!(text.contains(&format!("\"output\":{printed}")), "{text}"),
            Err(_) => assert_eq!(body["output_base64"], STANDARD.encode(output)),
        }
        check(&Method::GET, &target, StatusCode::OK, true, &body);
    }
}

async fn what_is_not_finished_in_time_says_so(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    colony.reader().await;
    let key = colony.key_of("reader");
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    for target in [format!("/v1/processes/{id}/result"), format!("/v1/processes/{id}/result?wait=50ms")] {
        let (status, body) = read(&colony, &key, &target).await;
        assert_eq!((status, &body["state"], &body["result"]), (StatusCode::ACCEPTED, &json!("waiting"), &Value::Null));
    }
    let lease = colony.claim_one(&bee, "t").await;
    bee.fail(&colony.failure("bee", &lease, OutcomeKind::FailedFinal, "no such customer")).await.unwrap();
    let (status, body) = read(&colony, &key, &format!("/v1/processes/{id}/result")).await;
    assert_eq!((status, &body["reason"]), (StatusCode::OK, &json!("no such customer")), "{body}");
}

fn reason(body: &Value) -> &str {
    body["error"]["reason"].as_str().unwrap()
}

async fn a_signed_header_is_good_once_for_this_request_alone(mut colony: TestColony) {
    let user = colony.user("ada").await;
    colony.reader().await;
    let key = colony.key_of("reader");
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let (one, other) = (format!("/v1/processes/{id}"), format!("/v1/processes/{id}/result"));
    let good = header(&colony, &key, &one).await;
    let (status, body) = get(&colony, &other, Some(&good)).await;
    assert_eq!((status, reason(&body)), (StatusCode::UNAUTHORIZED, "SIGNATURE_INVALID"));
    let (status, body) = get(&colony, &format!("{one}?"), Some(&good)).await;
    assert_eq!((status, reason(&body)), (StatusCode::UNAUTHORIZED, "SIGNATURE_INVALID"));
    assert_eq!(get(&colony, &one, Some(&good)).await.0, StatusCode::OK);
    let (status, body) = get(&colony, &one, Some(&good)).await;
    assert_eq!((status, reason(&body)), (StatusCode::UNAUTHORIZED, "REQUEST_REPLAYED"));
    for bad in ["", "%%%", "e30=", &good[..40]] {
        let (status, body) = get(&colony, &one, Some(bad)).await;
        assert_eq!((status, reason(&body)), (StatusCode::UNAUTHORIZED, "SIGNATURE_INVALID"), "{bad}");
    }
    let before = header(&colony, &key, &one).await;
    colony.stop().await;
    colony.start_again().await;
    let (status, body) = get(&colony, &one, Some(&before)).await;
    assert_eq!((status, reason(&body)), (StatusCode::UNAUTHORIZED, "BROKER_UNKNOWN"));
}

async fn nobody_reads_without_the_right_to(colony: TestColony) {
    let user = colony.user("ada").await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    for page in [format!("/v1/processes/{id}"), format!("/v1/processes/{id}/result?wait=30s")] {
        let (status, body) = get(&colony, &page, None).await;
        assert_eq!((status, reason(&body)), (StatusCode::UNAUTHORIZED, "UNSIGNED"));
        let (status, body) = read(&colony, &KeyPair::generate(), &page).await;
        assert_eq!((status, reason(&body)), (StatusCode::FORBIDDEN, "NOT_PERMITTED"));
    }
    colony.reader().await;
    let missing = format!("/v1/processes/{}", Uuid::now_v7());
    let (status, body) = read(&colony, &colony.key_of("reader"), &missing).await;
    assert_eq!((status, reason(&body)), (StatusCode::NOT_FOUND, "NOT_FOUND"));
}

async fn bad_ids_and_queries_are_refused_by_name(colony: TestColony) {
    colony.reader().await;
    let (key, id) = (colony.key_of("reader"), Uuid::now_v7());
    let table = [
        (format!("/v1/processes/{id}x"), Some("process_id")),
        (format!("/v1/processes/{id}/result?wait=30"), Some("wait")),
        (format!("/v1/processes/{id}/result?wait=-1s"), Some("wait")),
        (format!("/v1/processes/{id}/result?wait=1s&wait=2s"), None),
        (format!("/v1/processes/{id}/result?Wait=1s"), None),
        (format!("/v1/processes/{id}?wait=1s"), None),
    ];
    for (target, field) in table {
        let (status, body) = read(&colony, &key, &target).await;
        assert_eq!((status, reason(&body)), (StatusCode::BAD_REQUEST, "INVALID"), "{target}");
        assert_eq!(body["error"]["field"].as_str(), field, "{target}: {body}");
    }
}

async fn an_unknown_page_is_told_the_nearest(colony: TestColony) {
    let table = [
        ("/v1/process", "`/v1/processes`"),
        ("/v1/processes/", "`/v1/processes`"),
        ("/health", "`/healthz`"),
        ("/healthz/", "`/healthz`"),
        ("/openapi.yaml", "`/openapi.json`"),
        ("/metric", "`/metrics`"),
        ("/", "`/healthz`"),
    ];
    for (target, nearest) in table {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let (status, body) = send(&colony, method, target, None).await;
            assert_eq!((status, reason(&body)), (StatusCode::NOT_FOUND, "NOT_FOUND"), "{target}");
            let words = body["error"]["message"].as_str().unwrap();
            assert!(words.contains(nearest), "{target}: {words}");
        }
    }
    for (method, target, allowed) in [
        (Method::GET, "/v1/processes", "POST"),
        (Method::POST, "/healthz", "GET,HEAD"),
        (Method::DELETE, "/v1/processes/0190", "GET,HEAD"),
        (Method::PUT, "/v1/processes/0190/result", "GET,HEAD"),
    ] {
        let url = format!("http://{}{target}", colony.address());
        let answer = apiary_tests::http().request(method.clone(), url).send().await.unwrap();
        assert_eq!(answer.headers()["allow"], allowed, "{method} {target}");
        let (status, body) = send(&colony, method, target, None).await;
        assert_eq!((status, reason(&body)), (StatusCode::METHOD_NOT_ALLOWED, "UNIMPLEMENTED"), "{target}");
    }
}

async fn every_page_is_described(colony: TestColony) {
    let (status, served) = get(&colony, "/openapi.json", None).await;
    assert_eq!((status, served), (StatusCode::OK, serde_json::from_str(DESCRIPTION).unwrap()));
    for page in ["/healthz", "/readyz", "/v1/broker"] {
        assert_eq!(get(&colony, page, None).await.0, StatusCode::OK, "{page}");
    }
}
