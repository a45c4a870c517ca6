//! GraphQL over HTTP from outside: methods, media types, status codes, limits; and the small routes.
//! The specification's own list is the audits of the npm package graphql-http.

use reqwest::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::world::Server;

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

#[tokio::test]
async fn no_page_of_another_host_may_read_answers() {
    let server = server().await;
    let base = server.base.as_str();
    let request = post(base, QUERY).header("origin", "https://evil.example");
    let (_, response) = send(request).await;
    assert!(!response.headers().contains_key("access-control-allow-origin"));
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
