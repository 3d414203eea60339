//! Invalid messages: a clear refusal, and the broker continues to serve.

use std::time::Duration;

use apiary_identity::Envelope;
use apiary_tests::TestColony;
use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

on_each_store!(
    garbage_protobuf_is_refused,
    an_oversized_message_is_refused,
    garbage_on_the_port_is_cut,
    a_refusal_of_huge_words_is_still_an_answer
);

/// Makes a raw gRPC call; returns the grpc-status of the answer.
async fn call(colony: &TestColony, path: &str, body: Bytes) -> String {
    let answer = apiary_tests::http2()
        .post(format!("http://{}{path}", colony.address()))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .send()
        .await
        .unwrap();
    let status = answer.headers().get("grpc-status").cloned();
    status.map(|status| status.to_str().unwrap().to_owned()).unwrap_or_else(|| format!("http {}", answer.status()))
}

fn frame(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap());
    frame.put_slice(message);
    frame.freeze()
}

async fn garbage_protobuf_is_refused(colony: TestColony) {
    for garbage in [b"\xff\xff\xff\xff".as_slice(), b"\x0a\xff\xff\xff\xff\x0f", &[0x0a; 10_000]] {
        let status = call(&colony, "/apiary.v1.ProcessService/Submit", frame(garbage)).await;
        assert!(["3", "13"].contains(&status.as_str()), "grpc-status {status}");
        let status = call(&colony, "/apiary.v1.LeaseService/Claim", frame(garbage)).await;
        assert_eq!(status, "16", "unsigned comes before undecodable");
    }
    let unknown = call(&colony, "/apiary.v1.LeaseService/Steal", frame(b"")).await;
    assert_eq!(unknown, "16", "a call nobody knows is refused like one that is not signed");
    serves_on(&colony).await;
}

async fn an_oversized_message_is_refused(colony: TestColony) {
    let huge = frame(&vec![0; 17 * 1024 * 1024]);
    let status = call(&colony, "/apiary.v1.ProcessService/Submit", huge).await;
    assert!(["8", "11"].contains(&status.as_str()), "grpc-status {status}");
    // A frame whose declared length exceeds its content.
    let mut lying = BytesMut::new();
    lying.put_u8(0);
    lying.put_u32(u32::MAX);
    let status = call(&colony, "/apiary.v1.ProcessService/Submit", lying.freeze()).await;
    assert!(["8", "11", "13", "3"].contains(&status.as_str()), "grpc-status {status}");
    serves_on(&colony).await;
}

async fn garbage_on_the_port_is_cut(colony: TestColony) {
    for garbage in [b"\x16\x03\x01\x02\x00\x01\x00".as_slice(), b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0", b"GET"] {
        let mut stream = tokio::net::TcpStream::connect(colony.address()).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "the connection was kept open");
    }
    serves_on(&colony).await;
}

async fn a_refusal_of_huge_words_is_still_an_answer(colony: TestColony) {
    let user = colony.user("ada").await;
    // The refusal's text quotes the bytes sent instead of a spec, and is in a header.
    let huge = "\u{7}é".repeat(100_000);
    let envelope = Envelope::sign(&colony.key_of("ada"), &huge, "{}".into());
    let refused = user.submit_envelope(&envelope).await.unwrap_err();
    assert_eq!(refused.reason(), Some("INVALID"), "{refused}");
}

async fn serves_on(colony: &TestColony) {
    assert!(colony.client(&colony.key).get_colony().await.is_ok());
}
