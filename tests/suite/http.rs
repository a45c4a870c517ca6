//! GraphQL over HTTP from outside: methods, media types, status codes, limits; and the small routes.
//! The specification's own list is the audits of the npm package graphql-http.

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use clap::Parser;
use everwire::config::Arguments;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, LOCATION, ORIGIN, VARY,
};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{Server, World};

const QUERY: &str = "{ tasks(first: 1) { nodes { title } } }";
const MUTATION: &str = "mutation { patchTask(id: \"00000000-0000-4000-8000-000000000000\", \
     patch: {title: \"x\"}) { id } }";
const NEWER: &str = "application/graphql-response+json";

async fn server() -> Server {
    Server::start(&["--max-body-bytes", "10000"]).await
}

fn post(base: &str, query: &str) -> RequestBuilder {
    Client::new().post(format!("{base}/graphql")).json(&json!({ "query": query }))
}

fn get(base: &str, query: &str) -> RequestBuilder {
    let encoded: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
    Client::new().get(format!("{base}/graphql?query={encoded}"))
}

async fn send(request: RequestBuilder) -> (u16, Response) {
    let response = request.send().await.expect("a response");
    (response.status().as_u16(), response)
}

async fn body(response: Response) -> Value {
    response.json().await.expect("JSON")
}

async fn expect_refusal(request: RequestBuilder, expected: u16, code: &str) {
    let (status, response) = send(request).await;
    assert_eq!(status, expected);
    let body = body(response).await;
    assert_eq!(body["errors"][0]["extensions"]["code"], code, "{body}");
    assert!(body.get("data").is_none());
}

#[tokio::test]
async fn a_query_is_answered_by_post_and_by_get() {
    let server = server().await;
    let base = server.base.as_str();
    for request in [post(base, QUERY), get(base, QUERY)] {
        let (status, response) = send(request).await;
        assert_eq!(status, 200);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json; charset=utf-8");
        let body = body(response).await;
        assert!(body["data"]["tasks"]["nodes"].is_array(), "{body}");
        assert!(body.get("errors").is_none() && body.get("extensions").is_none());
    }
}

#[tokio::test]
async fn the_front_is_the_board_where_it_is_served_and_graphiql_elsewhere() {
    let plain = || Client::builder().redirect(Policy::none()).build().expect("a client");
    let front = async |server: &Server| send(plain().get(format!("{}/", server.base))).await;

    let (status, response) = front(&server().await).await;
    assert_eq!(status, 200);
    assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");

    let world = World::start().await;
    sqlx::query("DROP TABLE task_label").execute(&world.pool().await).await.expect("another database");
    let (status, response) = front(&Server::over(world, &[]).await).await;
    assert_eq!((status, &response.headers()[LOCATION]), (307, &"/graphql".parse().expect("a header")));
}

#[tokio::test]
async fn a_mutation_is_taken_by_post_alone() {
    let server = server().await;
    let base = server.base.as_str();
    let (status, response) = send(post(base, MUTATION)).await;
    assert_eq!(status, 200);
    assert!(body(response).await["extensions"]["transaction"].is_string());
    let (status, response) = send(get(base, MUTATION)).await;
    assert_eq!(status, 405);
    assert_eq!(response.headers()[ALLOW], "POST");
}

#[tokio::test]
async fn a_subscription_is_sent_to_the_socket() {
    let server = server().await;
    let base = server.base.as_str();
    let subscription = "subscription { tasks { sequence } }";
    expect_refusal(post(base, subscription), 200, "UNSUPPORTED").await;
    let newer = post(base, subscription).header(ACCEPT, NEWER);
    expect_refusal(newer, 400, "UNSUPPORTED").await;
}

#[tokio::test]
async fn the_media_type_decides_the_status_of_a_refusal() {
    let server = server().await;
    let base = server.base.as_str();
    let code = "GRAPHQL_VALIDATION_FAILED";
    expect_refusal(post(base, "{ noSuchField }"), 200, code).await;
    let newer = post(base, "{ noSuchField }").header(ACCEPT, NEWER);
    expect_refusal(newer, 400, code).await;
    let other = post(base, QUERY).header(ACCEPT, "image/png");
    expect_refusal(other, 406, "BAD_REQUEST").await;
}

#[tokio::test]
async fn only_json_is_taken_so_that_pages_must_ask_first() {
    let server = server().await;
    let base = server.base.as_str();
    let text = json!({ "query": MUTATION }).to_string();
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin1",
    ] {
        let request = Client::new().post(format!("{base}/graphql"));
        let request = request.header(CONTENT_TYPE, media).body(text.clone());
        expect_refusal(request, 415, "BAD_REQUEST").await;
    }
    let untyped = Client::new().post(format!("{base}/graphql")).body(text);
    expect_refusal(untyped, 415, "BAD_REQUEST").await;
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let server = server().await;
    let base = server.base.as_str();
    let url = format!("{base}/graphql");
    let broken = post(base, QUERY).body("{");
    expect_refusal(broken, 400, "BAD_REQUEST").await;
    let batch = post(base, QUERY).body(r#"[{"query":"{ __typename }"}]"#);
    expect_refusal(batch, 400, "BAD_REQUEST").await;
    expect_refusal(post(base, &"x".repeat(10_001)), 413, "BODY_TOO_LARGE").await;
    expect_refusal(Client::new().get(&url), 400, "BAD_REQUEST").await;
    expect_refusal(Client::new().delete(&url), 405, "BAD_REQUEST").await;
}

#[tokio::test]
async fn a_browser_gets_the_page() {
    let server = server().await;
    let base = server.base.as_str();
    let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    // The front page leads to it.
    let request = Client::new().get(base).header(ACCEPT, accept);
    let (status, response) = send(request).await;
    assert_eq!(status, 200);
    let media = response.headers()[CONTENT_TYPE].to_str().unwrap();
    assert!(media.starts_with("text/html"), "{media}");
}

const APP: &str = "https://app.example.com";

/// What a browser asks before a page of another host may send JSON.
fn preflight(base: &str, origin: &str) -> RequestBuilder {
    let request = Client::new().request(Method::OPTIONS, format!("{base}/graphql")).header(ORIGIN, origin);
    let request = request.header(ACCESS_CONTROL_REQUEST_METHOD, "POST");
    request.header(ACCESS_CONTROL_REQUEST_HEADERS, "content-type,x-request-id")
}

#[tokio::test]
async fn no_page_of_another_host_may_read_answers() {
    let server = server().await;
    let base = server.base.as_str();
    let (_, response) = send(post(base, QUERY).header(ORIGIN, APP)).await;
    assert!(!response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
    let (status, response) = send(preflight(base, APP)).await;
    assert_eq!(status, 405);
    assert!(!response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
}

#[tokio::test]
async fn pages_of_listed_origins_may_ask_and_read_answers() {
    // With the slash that people add.
    let server = Server::start(&["--allowed-origin", "https://app.example.com/,http://localhost:5173"]).await;
    let base = server.base.as_str();
    for origin in [APP, "http://localhost:5173"] {
        let (status, response) = send(preflight(base, origin)).await;
        assert_eq!(status, 200);
        let headers = response.headers();
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], origin);
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_METHODS], "GET,POST");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], "content-type,x-request-id");
        assert_eq!(headers[ACCESS_CONTROL_MAX_AGE], "600");
        assert!(!headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
        let asked = [post(base, QUERY), get(base, QUERY), post(base, "{ noSuchField }"), post(base, QUERY).body("{")];
        for request in asked {
            let (_, response) = send(request.header(ORIGIN, origin)).await;
            assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], origin);
            let varies: Vec<_> =
                response.headers().get_all(VARY).iter().filter_map(|value| value.to_str().ok()).collect();
            let varies = varies.join(",");
            assert!(varies.contains("origin") && varies.contains("accept"), "{varies}");
        }
    }
    for origin in ["https://evil.example", "https://app.example.com.evil.example", "http://app.example.com", "null"] {
        for request in [preflight(base, origin), post(base, QUERY).header(ORIGIN, origin)] {
            let (_, response) = send(request).await;
            assert!(!response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "{origin}");
        }
    }
    // Only the API: what is for those who run the server is not for pages.
    let (_, response) = send(Client::new().get(format!("{base}/metrics")).header(ORIGIN, APP)).await;
    assert!(!response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
}

#[test]
fn what_is_no_origin_is_no_setting() {
    for origin in ["app.example.com", "https://", "https://app.example.com/path", "*", "https://*.example.com"] {
        let arguments = ["everwire", "serve", "--allowed-origin", origin];
        let error = Arguments::try_parse_from(arguments).expect_err(origin).to_string();
        assert!(error.contains("such as https://board.example.com"), "{error}");
    }
}

async fn decoded(encoding: &str, body: &[u8]) -> String {
    let mut text = String::new();
    let read = match encoding {
        "gzip" => GzipDecoder::new(body).read_to_string(&mut text).await,
        "br" => BrotliDecoder::new(body).read_to_string(&mut text).await,
        "zstd" => ZstdDecoder::new(body).read_to_string(&mut text).await,
        other => panic!("an encoding that nobody asked for: {other}"),
    };
    read.expect("compressed text");
    text
}

#[tokio::test]
async fn large_answers_are_compressed_as_the_client_wants() {
    let server = server().await;
    let base = server.base.as_str();
    let query = "{ tasks(first: 100, orderBy: [{id: ASC}]) { nodes { id title status priority note } } }";
    let plain = send(post(base, query)).await.1.text().await.expect("text");
    assert!(plain.len() > 10_000);
    for (accept, expected) in [
        ("gzip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip;q=0.5, br;q=0.9", "br"),
        ("br;q=0.1, gzip, deflate", "gzip"),
        ("zstd, gzip;q=0.5", "zstd"),
        ("gzip, deflate, br, zstd", "br"),
    ] {
        let (status, response) = send(post(base, query).header(ACCEPT_ENCODING, accept)).await;
        assert_eq!(status, 200);
        let encoding = response.headers()[CONTENT_ENCODING].to_str().expect("text").to_owned();
        assert_eq!(encoding, expected, "for {accept}");
        let body = response.bytes().await.expect("a body");
        assert!(body.len() < plain.len() / 3, "{} of {} bytes", body.len(), plain.len());
        assert_eq!(decoded(&encoding, &body).await, plain);
    }
    for accept in ["identity", "gzip;q=0", "deflate", ""] {
        let (_, response) = send(post(base, query).header(ACCEPT_ENCODING, accept)).await;
        assert!(!response.headers().contains_key(CONTENT_ENCODING), "for {accept}");
        assert_eq!(response.text().await.expect("text"), plain);
    }
    let (_, response) = send(post(base, "{ __typename }").header(ACCEPT_ENCODING, "gzip, br, zstd")).await;
    assert!(!response.headers().contains_key(CONTENT_ENCODING), "a small one stays as it is");
}

#[tokio::test]
async fn health_and_metrics_are_told() {
    let server = server().await;
    let base = server.base.as_str();
    let at = |path: &str| Client::new().get(format!("{base}{path}"));
    assert_eq!(send(at("/healthz")).await.0, 200);
    let (status, response) = send(at("/readyz")).await;
    assert_eq!(status, 200);
    assert_eq!(body(response).await, json!({ "ready": true, "missing": [] }));
    send(post(base, QUERY)).await;
    let metrics = send(at("/metrics")).await.1.text().await.unwrap();
    let counted = r#"everwire_http_requests_total{kind="post",status="200"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn what_takes_too_long_is_told_so_with_the_setting() {
    let server = Server::start(&["--statement-timeout", "0.3", "--body-timeout", "0.2"]).await;
    let base = server.base.as_str();
    let setting = |body: &Value| body["errors"][0]["message"].as_str().unwrap_or_default().to_owned();
    assert_eq!(send(post(base, QUERY)).await.0, 200, "it has started");
    let mut lock = server.world.pool().await.begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE task IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.expect("a lock");
    let answer = body(send(post(base, QUERY)).await.1).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "TIMEOUT", "{answer}");
    assert_eq!(setting(&answer), "the statement took longer than 0.3 seconds (setting: --statement-timeout)");
    lock.rollback().await.expect("the lock is free");

    // The head of a request, and then nothing of the body that it promises.
    let mut stream = TcpStream::connect(base.trim_start_matches("http://")).await.expect("a connection");
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\
        connection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("the head is taken");
    let mut response = String::new();
    stream.read_to_string(&mut response).await.expect("a response");
    assert!(response.starts_with("HTTP/1.1 408"), "{response}");
    let (_, answer) = response.split_once("\r\n\r\n").expect("a body");
    let answer: Value = serde_json::from_str(answer).expect("JSON");
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BODY_TIMEOUT", "{answer}");
    assert_eq!(setting(&answer), "the body did not arrive within 0.2 seconds (setting: --body-timeout)");
}
