//! The SDK's examples `http_bee` and `submitter`, against a colony that `apiary up` started.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc;

use apiary_tests::Port;

use crate::page;
use crate::scene::Scene;
use crate::writing_a_bee::example;

/// Starts a colony, and gives bee and submitter their keys and grants.
const SCRIPT: &str = "\
data=~/.local/share/apiary
apiary up &
up=$!
apiary doctor --only broker --wait 60s
apiary key new bee.pem
apiary key new submitter.pem
apiary grant add --colony-key $data/keys/colony.pem --key \"$(apiary key id bee.pem)\" \\
  --role executor --name http-bee --function http.call --executor-type http
apiary grant add --colony-key $data/keys/colony.pem --key \"$(apiary key id submitter.pem)\" \\
  --role user --name submitter --right read_own --function http.call --executor-type http
export APIARY_COLONY=$(apiary key id $data/keys/colony.pem)
";

const DONE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\ndone!";

#[test]
fn the_http_bee_comes_back_when_a_busy_server_says_and_the_submitter_awaits_it() {
    let server = Server::start(vec![
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        DONE,
    ]);
    let url = format!("http://{}/hook?a=b", server.address);
    let words = run(&format!("HTTP_BEE_ALLOW_LOOPBACK=yes {} &\n", example("http_bee").display()), &url);
    assert!(words.contains(r#"{"status":200,"body":"done!"}"#), "{words}");

    let (first, second) = (server.requests.recv().unwrap(), server.requests.recv().unwrap());
    assert!(first.starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{first}");
    assert!(first.contains("\r\nidempotency-key: ") && first.ends_with("\r\n\r\n{\"n\":1}"), "{first}");
    assert_eq!(first, second, "a repetition is recognised by its key");
}

#[test]
fn the_http_bee_calls_no_private_address_and_the_submitter_says_so() {
    let server = Server::start(vec![DONE]);
    let url = format!("http://{}/", server.address);
    let words = run(&format!("{} &\n", example("http_bee").display()), &url);
    assert!(words.contains("error: failed_final: 127.0.0.1: its address is not public"), "{words}");
    assert!(server.requests.try_recv().is_err(), "it was called");
}

/// Runs the bee and the submitter in a new colony, and returns their output.
fn run(bee: &str, url: &str) -> String {
    let scene = Scene::new();
    let ports = [Port::take(), Port::take()];
    let [broker, webhook] = ports.each_ref().map(Port::address);
    let elsewhere =
        format!("export APIARY_BROKER_LISTEN={broker} APIARY_WEBHOOK_LISTEN={webhook} APIARY_BROKER=http://{broker}\n");
    let submit = format!(
        "bee=$!\n{} http http.call '{{\"url\":\"{url}\",\"body\":{{\"n\":1}}}}' || true\nkill $bee $up\nwait $bee\nwait $up\n",
        example("submitter").display()
    );
    let (code, words) = page::run_script(&scene, &format!("{elsewhere}{SCRIPT}{bee}{submit}"));
    assert_eq!(code, Some(0), "{words}");
    words
}

/// A server with scripted answers, one for each connection, that reports the requests.
struct Server {
    address: SocketAddr,
    requests: mpsc::Receiver<String>,
}

impl Server {
    fn start(answers: Vec<&'static str>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (report, requests) = mpsc::channel();
        std::thread::spawn(move || {
            for answer in answers {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream);
                let mut request = String::new();
                while !request.ends_with("\r\n\r\n") {
                    assert_ne!(reader.read_line(&mut request).unwrap(), 0, "{request}");
                }
                let length = request.lines().find_map(|line| line.strip_prefix("content-length: "));
                let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
                reader.read_exact(&mut body).unwrap();
                request.push_str(std::str::from_utf8(&body).unwrap());
                reader.get_mut().write_all(answer.as_bytes()).unwrap();
                report.send(request).unwrap();
            }
        });
        Self { address, requests }
    }
}
